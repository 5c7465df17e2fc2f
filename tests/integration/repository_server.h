#ifndef MDN_TESTS_INTEGRATION_REPOSITORY_SERVER_H_
#define MDN_TESTS_INTEGRATION_REPOSITORY_SERVER_H_

#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "grpc/health/v1/health.grpc.pb.h"
#include "mdn/v1/mdn.grpc.pb.h"
#include "mdn/v1/model_repository.grpc.pb.h"
#include "tests/support/child_process.h"
#include "tests/support/temporary_directory.h"

namespace mdn {

/// A directory of models on the disk.
class RepositoryOnDisk {
 public:
  std::string path() const { return directory_.path(); }

  /// The checkpoint of a network of its own for each seed, of 2 features and 2 dimensions.
  static std::string Network(uint64_t seed, int64_t hidden_dim = 64);

  /// Makes the version appear at once, with model.safetensors and whatever else is given.
  void Publish(const std::string& model, int64_t version, const std::string& checkpoint,
               const std::vector<std::pair<std::string, std::string>>& others = {}) const;
  void Write(const std::string& file, const std::string& bytes) const {
    directory_.Write(file, bytes);
  }
  /// Makes the version disappear at once.
  void Remove(const std::string& model, int64_t version) const;

 private:
  TemporaryDirectory directory_;
};

/// What a server answers to one request of each kind, without the model's name and version.
class Answers {
 public:
  static constexpr int kKinds = 3;  // Predict, Sample, LogLikelihood

  /// Asks the server for what is to be compared with.
  explicit Answers(v1::MdnService::Stub& stub);

  struct Answer {
    grpc::Status status;
    int64_t version = 0;
    std::string bytes;
  };
  static Answer Ask(v1::MdnService::Stub& stub, int kind, const v1::ModelSpec& model = {});

  bool Fits(int kind, const std::string& bytes) const { return bytes_[kind] == bytes; }

 private:
  std::vector<std::string> bytes_;
};

/// An mdn_server with a directory of models, and what to ask it with.
class RepositoryServer {
 public:
  explicit RepositoryServer(const RepositoryOnDisk& repository,
                            std::vector<std::string> flags = {});

  ServerProcess& process() { return process_; }
  v1::MdnService::Stub& stub() { return *stub_; }
  std::unique_ptr<v1::MdnService::Stub> NewStub() const;

  /// 0: none answers. Of a model without a name that is the default.
  int64_t VersionThatAnswers(const std::string& model = "");
  /// Waits until that version answers requests that name none; false: it took half a minute.
  bool AwaitVersion(int64_t version, const std::string& model = "");
  /// Waits until the version stands so, and returns its reason.
  std::string AwaitState(const std::string& model, int64_t version, v1::ModelState state);
  v1::IndexResponse Index();
  /// With the bearer's token, if there is one.
  grpc::Status Load(const std::string& model, const std::string& token = "");
  grpc::Status Unload(const std::string& model, const std::string& token = "");
  grpc::health::v1::HealthCheckResponse::ServingStatus Health(const std::string& service);
  /// Returns when the service's health is that.
  bool AwaitHealth(const std::string& service,
                   grpc::health::v1::HealthCheckResponse::ServingStatus status);

 private:
  std::shared_ptr<grpc::Channel> Channel() const;

  ServerProcess process_;
  std::unique_ptr<v1::MdnService::Stub> stub_;
  std::unique_ptr<v1::ModelRepositoryService::Stub> repository_;
  std::unique_ptr<grpc::health::v1::Health::Stub> health_;
};

}  // namespace mdn

#endif  // MDN_TESTS_INTEGRATION_REPOSITORY_SERVER_H_

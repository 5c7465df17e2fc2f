#ifndef MDN_TESTS_SUPPORT_FAKE_SERVICE_H_
#define MDN_TESTS_SUPPORT_FAKE_SERVICE_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "grpc/health/v1/health.grpc.pb.h"
#include "mdn/v1/mdn.grpc.pb.h"

namespace mdn {

/// The model that a FakeService claims to serve, as "fake" version 7.
struct FakeModel {
  int64_t dim_in = 2;
  int64_t dim_out = 1;
  int64_t n_components = 2;
  bool full_covariance = false;
};

/// MdnService and the health service in this process, with a world that tests can compute by head.
/// With s the sum of a row of x, and counting from 0, component k, dimension d and sample i have
///   log_pi = log(1 / K)   mu = s + k + 10 d   sigma = 0.5 (k + 1)   scale_tril = sigma * identity
///   sample = s + i + 10 d + seed   (seed 42 unless given)           its component = i mod K
///   log_likelihood = s - the sum of y; -inf where that is below -1000
/// An x with another number of features than the model's is INVALID_ARGUMENT.
/// Calls can be made to fail, to hang, or to give any other response.
///
/// Thread-safe, but what it is told to do holds for calls that arrive later.
class FakeService {
 public:
  /// Serves at `listen`, by default at a free port, until destroyed.
  explicit FakeService(const FakeModel& model = {}, const std::string& listen = "127.0.0.1:0");
  ~FakeService();

  /// What a client connects to.
  const std::string& address() const;

  /// The next `count` calls fail so. `pushback_ms` goes into the trailer grpc-retry-pushback-ms.
  void FailNext(int count, const grpc::Status& status, std::optional<int> pushback_ms = {});

  /// From now on calls are not answered until they are cancelled.
  void HoldCalls();
  /// The next `count` calls neither fail nor are held.
  void SpareNext(int count);
  /// Wait until this many calls, in all, were held or were cancelled while held; half a minute
  /// without them fails the test.
  void WaitForHeld(int count);
  void WaitForCancelled(int count);

  /// From now on calls are answered with this.
  void Answer(const v1::PredictResponse& response);
  void Answer(const v1::SampleResponse& response);
  void Answer(const v1::LogLikelihoodResponse& response);
  void Answer(const v1::ListModelsResponse& response);
  void SetHealth(grpc::health::v1::HealthCheckResponse::ServingStatus status);

  /// Every call that arrived, whether it failed or not.
  int calls() const;
  /// Of the call that arrived last.
  std::chrono::system_clock::time_point last_deadline() const;
  /// Those that reached the world, in order.
  std::vector<v1::PredictRequest> predictions() const;
  std::vector<v1::SampleRequest> samples() const;
  std::vector<v1::LogLikelihoodRequest> log_likelihoods() const;

 private:
  class World;
  class Mdn;
  class Health;

  const std::unique_ptr<World> world_;
  const std::unique_ptr<Mdn> mdn_;
  const std::unique_ptr<Health> health_;
  std::string address_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace mdn

#endif  // MDN_TESTS_SUPPORT_FAKE_SERVICE_H_

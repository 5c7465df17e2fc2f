#ifndef MDN_TESTS_INTEGRATION_FAKE_MODEL_SERVER_H_
#define MDN_TESTS_INTEGRATION_FAKE_MODEL_SERVER_H_

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "mdn/v1/mdn.grpc.pb.h"
#include "server/repository/model_repository.h"
#include "server/server.h"
#include "tests/support/connected_channel.h"
#include "tests/support/fake_engine.h"

namespace mdn {

/// A server on a free port of this machine that serves a FakeEngine as the model "fake".
class FakeModelServer {
 public:
  struct Options {
    int64_t dim_in = 1;
    MixtureShape shape = {2, 1, false};
    Batcher::Options batching;
    Server::Options server;
  };

  FakeModelServer() : FakeModelServer(Options()) {}
  explicit FakeModelServer(Options options) {
    auto engine = std::make_unique<FakeEngine>(options.dim_in, options.shape);
    engine_ = engine.get();
    ModelDescription description;
    description.name = "fake";
    description.version = 1;
    description.config.dim_in = options.dim_in;
    description.config.dim_out = options.shape.dims;
    description.config.n_components = options.shape.components;
    model_ =
        std::make_shared<ServedModel>(std::move(description), std::move(engine), options.batching);
    repository_.Add(model_);
    options.server.listen = {"127.0.0.1:0"};
    auto server = Server::Start(options.server, repository_);
    EXPECT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    if (options.server.tls == nullptr) stub_ = v1::MdnService::NewStub(Channel());
  }

  FakeEngine& engine() { return *engine_; }
  Batcher& batcher() { return model_->batcher(); }
  const ServedModel& model() const { return *model_; }
  Server& server() { return *server_; }
  /// Only where the server does without TLS.
  v1::MdnService::Stub& stub() { return *stub_; }
  const std::string& address() const { return server_->addresses().front(); }

  /// A connection of its own.
  std::shared_ptr<grpc::Channel> Channel() const {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
    arguments.SetMaxReceiveMessageSize(-1);
    return ConnectedChannel(address(), grpc::InsecureChannelCredentials(), arguments);
  }

 private:
  FakeEngine* engine_ = nullptr;
  std::shared_ptr<ServedModel> model_;
  ModelRepository repository_;
  std::unique_ptr<Server> server_;
  std::unique_ptr<v1::MdnService::Stub> stub_;
};

/// x [rows, 1] with the given features.
inline v1::Tensor Column(std::initializer_list<float> features) {
  v1::Tensor x;
  x.add_shape(static_cast<int64_t>(features.size()));
  x.add_shape(1);
  x.mutable_values()->Add(features.begin(), features.end());
  return x;
}

}  // namespace mdn

#endif  // MDN_TESTS_INTEGRATION_FAKE_MODEL_SERVER_H_

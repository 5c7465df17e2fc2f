#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <thread>
#include <vector>

#include "tests/integration/fake_model_server.h"

namespace mdn {
namespace {

/// Calls until the server says that it drains. Asks for no rows, which needs no engine.
void AwaitRefusal(FakeModelServer& server) {
  v1::PredictRequest request;
  request.mutable_x()->add_shape(0);
  request.mutable_x()->add_shape(1);
  grpc::Status status;
  do {
    grpc::ClientContext context;
    v1::PredictResponse response;
    status = server.stub().Predict(&context, request, &response);
  } while (status.ok());
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(status.error_message(), "the server is draining");
}

/// A Predict of one row, x = 5, that the engine holds until it is released.
std::future<grpc::Status> BlockedCall(FakeModelServer& server, v1::PredictResponse& response) {
  server.engine().Block();
  auto call = std::async(std::launch::async, [&] {
    v1::PredictRequest request;
    *request.mutable_x() = Column({5});
    grpc::ClientContext context;
    return server.stub().Predict(&context, request, &response);
  });
  server.engine().WaitUntilBlocked();
  return call;
}

TEST(InProcessDrainTest, CallsInFlightEndAsIfNothingHadHappened) {
  FakeModelServer server;
  v1::PredictResponse response;
  auto call = BlockedCall(server, response);
  auto drain = std::async(std::launch::async, [&] { server.server().Drain(); });
  AwaitRefusal(server);
  server.engine().Release();
  EXPECT_TRUE(call.get().ok());
  EXPECT_EQ(response.mu().values(0), 5);
  drain.get();
}

TEST(InProcessDrainTest, ACallThatOutlastsTheTimeoutIsCancelledAndTheDrainEnds) {
  FakeModelServer::Options options;
  options.server.drain_timeout = absl::Milliseconds(50);
  FakeModelServer server(options);
  v1::PredictResponse response;
  auto call = BlockedCall(server, response);
  auto drain = std::async(std::launch::async, [&] { server.server().Drain(); });
  EXPECT_FALSE(call.get().ok());
  server.engine().Release();
  drain.get();
}

TEST(InProcessDrainTest, ADrainedServerTakesNoNewConnection) {
  FakeModelServer server;
  server.server().Drain();
  grpc::ClientContext context;
  v1::PredictResponse response;
  const auto stub = v1::MdnService::NewStub(
      grpc::CreateChannel(server.address(), grpc::InsecureChannelCredentials()));
  EXPECT_EQ(stub->Predict(&context, v1::PredictRequest(), &response).error_code(),
            grpc::StatusCode::UNAVAILABLE);
}

}  // namespace
}  // namespace mdn

#include "server/connections/stream_counts.h"

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "grpc/health/v1/health.grpc.pb.h"

namespace mdn {
namespace {

using grpc::health::v1::Health;

/// Answers what asks for the health of the service "known", and keeps everybody else waiting.
class PartlyDeafHealth final : public Health::CallbackService {
  grpc::ServerUnaryReactor* Check(grpc::CallbackServerContext* context,
                                  const grpc::health::v1::HealthCheckRequest* request,
                                  grpc::health::v1::HealthCheckResponse* /*response*/) override {
    class Reactor final : public grpc::ServerUnaryReactor {
      void OnCancel() override { Finish(grpc::Status::CANCELLED); }
      void OnDone() override { delete this; }
    };
    if (request->service() != "known") return new Reactor;
    auto* const answer = context->DefaultReactor();
    answer->Finish(grpc::Status::OK);
    return answer;
  }
};

class StreamCountsTest : public testing::Test {
 protected:
  StreamCountsTest() {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
  }
  ~StreamCountsTest() override { server_->Shutdown(std::chrono::system_clock::now()); }

  std::unique_ptr<Health::Stub> Connect() const {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    return Health::NewStub(grpc::CreateCustomChannel(
        "127.0.0.1:" + std::to_string(port_), grpc::InsecureChannelCredentials(), arguments));
  }

  static grpc::StatusCode Check(Health::Stub& stub, const std::string& service,
                                std::chrono::milliseconds patience) {
    grpc::ClientContext context;
    context.set_wait_for_ready(true);
    context.set_deadline(std::chrono::system_clock::now() + patience);
    grpc::health::v1::HealthCheckRequest request;
    request.set_service(service);
    grpc::health::v1::HealthCheckResponse response;
    return stub.Check(&context, request, &response).error_code();
  }

  PartlyDeafHealth service_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

TEST_F(StreamCountsTest, WithoutConnectionsThereAreNone) { EXPECT_TRUE(CountStreams().empty()); }

TEST_F(StreamCountsTest, CountsTheStreamsOfEachConnection) {
  const int64_t calls = CountCalls();
  const auto first = Connect(), second = Connect();
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(Check(*first, "known", std::chrono::seconds(30)), grpc::StatusCode::OK);
  }
  EXPECT_EQ(Check(*second, "known", std::chrono::seconds(30)), grpc::StatusCode::OK);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(Check(*second, "unknown", std::chrono::milliseconds(500)),
              grpc::StatusCode::DEADLINE_EXCEEDED);
  }
  EXPECT_EQ(CountCalls() - calls, 6);
  const auto connections = CountStreams();
  ASSERT_EQ(connections.size(), 2);
  EXPECT_LT(connections[0].connection, connections[1].connection);
  EXPECT_EQ(connections[0].answered, 3);
  EXPECT_EQ(connections[0].unanswered, 0);
  EXPECT_EQ(connections[0].finished, 6);
  EXPECT_EQ(connections[1].answered, 1);
  EXPECT_EQ(connections[1].unanswered, 2);
}

TEST_F(StreamCountsTest, KnowsThePeers) {
  const auto stub = Connect();
  EXPECT_EQ(Check(*stub, "known", std::chrono::seconds(30)), grpc::StatusCode::OK);
  const auto connections = CountStreams();
  ASSERT_EQ(connections.size(), 1);
  ASSERT_TRUE(connections[0].peer.has_value());
  EXPECT_EQ(connections[0].peer->host, std::string("\x7f\0\0\1", 4));
  EXPECT_GT(connections[0].peer->port, 0);
}

}  // namespace
}  // namespace mdn

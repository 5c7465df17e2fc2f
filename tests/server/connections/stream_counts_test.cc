#include "server/connections/stream_counts.h"

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "grpc/health/v1/health.grpc.pb.h"
#include "tests/support/await.h"

namespace mdn {
namespace {

using grpc::health::v1::Health;

/// Answers what asks for the health of the service "known", and keeps everybody else waiting.
class PartlyDeafHealth final : public Health::CallbackService {
 public:
  int waiting() const { return waiting_; }

 private:
  grpc::ServerUnaryReactor* Check(grpc::CallbackServerContext* context,
                                  const grpc::health::v1::HealthCheckRequest* request,
                                  grpc::health::v1::HealthCheckResponse* /*response*/) override {
    class Reactor final : public grpc::ServerUnaryReactor {
      void OnCancel() override { Finish(grpc::Status::CANCELLED); }
      void OnDone() override { delete this; }
    };
    if (request->service() != "known") {
      ++waiting_;
      return new Reactor;
    }
    auto* const answer = context->DefaultReactor();
    answer->Finish(grpc::Status::OK);
    return answer;
  }

  std::atomic<int> waiting_{0};
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
                                grpc::ClientContext& context) {
    context.set_wait_for_ready(true);
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
    grpc::health::v1::HealthCheckRequest request;
    request.set_service(service);
    grpc::health::v1::HealthCheckResponse response;
    return stub.Check(&context, request, &response).error_code();
  }
  static grpc::StatusCode Check(Health::Stub& stub) {
    grpc::ClientContext context;
    return Check(stub, "known", context);
  }
  /// A call whose caller gives it up when it has come.
  void GiveUpCheck(Health::Stub& stub) const {
    const int before = service_.waiting();
    grpc::ClientContext context;
    auto call = std::async(std::launch::async, [&] { return Check(stub, "unknown", context); });
    EXPECT_TRUE(Await([&] { return service_.waiting() > before; }));
    context.TryCancel();
    EXPECT_EQ(call.get(), grpc::StatusCode::CANCELLED);
  }

  /// Soon: gRPC counts a call after its caller knows its end.
  void ExpectStreams(int64_t connection, const StreamCounts& expected) {
    EXPECT_TRUE(Await([&] {
      const auto counted = counter_.Count(connection);
      return counted.has_value() && counted->streams == expected;
    }));
  }
  /// When there are so many: those of a server that has gone may be counted for a moment.
  std::vector<int64_t> AwaitConnections(size_t count) {
    std::vector<int64_t> connections;
    EXPECT_TRUE(Await([&] {
      connections = counter_.Connections(0);
      return connections.size() == count;
    }));
    return connections;
  }

  ChannelzCounter counter_;
  PartlyDeafHealth service_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

TEST_F(StreamCountsTest, WithoutConnectionsThereAreNone) { AwaitConnections(0); }

TEST_F(StreamCountsTest, CountsTheStreamsOfEachConnection) {
  const auto first = Connect(), second = Connect();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(Check(*first), grpc::StatusCode::OK);
  EXPECT_EQ(Check(*second), grpc::StatusCode::OK);
  for (int i = 0; i < 2; ++i) GiveUpCheck(*second);
  const auto connections = AwaitConnections(2);
  ASSERT_EQ(connections.size(), 2);
  ExpectStreams(connections[0], {3, 0, 6});
  ExpectStreams(connections[1], {1, 2, 4});
}

TEST_F(StreamCountsTest, TellsWhichConnectionsAreNew) {
  const auto first = Connect();
  EXPECT_EQ(Check(*first), grpc::StatusCode::OK);
  const auto one = AwaitConnections(1);
  const auto second = Connect();
  EXPECT_EQ(Check(*second), grpc::StatusCode::OK);
  const auto both = AwaitConnections(2);
  ASSERT_EQ(both.size(), 2);
  EXPECT_EQ(both[0], one[0]);
  EXPECT_LT(both[0], both[1]);
  EXPECT_EQ(counter_.Connections(both[0] + 1), std::vector<int64_t>{both[1]});
  EXPECT_EQ(counter_.Connections(both[1] + 1), std::vector<int64_t>());
}

TEST_F(StreamCountsTest, CountsNothingOfAConnectionThatIsOver) {
  auto stub = Connect();
  EXPECT_EQ(Check(*stub), grpc::StatusCode::OK);
  const auto connections = AwaitConnections(1);
  stub.reset();
  AwaitConnections(0);
  // Its server has done with it a moment before gRPC has.
  EXPECT_TRUE(Await([&] { return !counter_.Count(connections.at(0)).has_value(); }));
}

TEST_F(StreamCountsTest, KnowsTheEnds) {
  const auto stub = Connect();
  EXPECT_EQ(Check(*stub), grpc::StatusCode::OK);
  const auto counted = counter_.Count(AwaitConnections(1).at(0));
  ASSERT_TRUE(counted.has_value());
  ASSERT_TRUE(counted->ends.has_value());
  const std::string loopback("\x7f\0\0\1", 4);
  EXPECT_EQ(counted->ends->local, AddressOf(loopback, port_));
  EXPECT_EQ(counted->ends->peer, AddressOf(loopback, counted->ends->peer.port));
  EXPECT_GT(counted->ends->peer.port, 0);
  EXPECT_NE(counted->ends->peer.port, port_);
}

}  // namespace
}  // namespace mdn

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <string>
#include <thread>

#include "grpc/health/v1/health.grpc.pb.h"
#include "tests/integration/fake_model_server.h"

namespace mdn {
namespace {

using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;

class HealthTest : public testing::Test {
 protected:
  HealthCheckResponse Check(const std::string& service) {
    grpc::ClientContext context;
    HealthCheckRequest request;
    request.set_service(service);
    HealthCheckResponse response;
    status_ = stub_->Check(&context, request, &response);
    return response;
  }
  /// A call that is being evaluated, and goes on when the engine is released.
  std::future<grpc::Status> BlockedCall() {
    server_.engine().Block();
    auto call = std::async(std::launch::async, [this] {
      grpc::ClientContext context;
      v1::PredictRequest request;
      *request.mutable_x() = Column({1});
      v1::PredictResponse response;
      return server_.stub().Predict(&context, request, &response);
    });
    server_.engine().WaitUntilBlocked();
    return call;
  }

  FakeModelServer server_;
  std::unique_ptr<grpc::health::v1::Health::Stub> stub_ =
      grpc::health::v1::Health::NewStub(server_.Channel());
  grpc::Status status_;
};

TEST_F(HealthTest, ServerServiceAndModelServe) {
  for (const std::string service : {"", "mdn.v1.MdnService", "fake"}) {
    EXPECT_EQ(Check(service).status(), HealthCheckResponse::SERVING) << service;
    EXPECT_TRUE(status_.ok());
  }
}

TEST_F(HealthTest, ChecksAndRefusalsAreAnsweredWhileTheOnlyPollerEvaluates) {
  auto call = BlockedCall();
  EXPECT_EQ(Check("").status(), HealthCheckResponse::SERVING);
  grpc::ClientContext context;
  v1::PredictResponse response;
  EXPECT_EQ(server_.stub().Predict(&context, v1::PredictRequest(), &response).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
  server_.engine().Release();
  EXPECT_TRUE(call.get().ok());
}

TEST_F(HealthTest, AnUnknownServiceIsNotFound) {
  Check("other");
  EXPECT_EQ(status_.error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST_F(HealthTest, AWatchSeesTheDrainAndEndsWithIt) {
  grpc::ClientContext context;
  HealthCheckRequest request;
  request.set_service("fake");
  auto reader = stub_->Watch(&context, request);
  HealthCheckResponse response;
  ASSERT_TRUE(reader->Read(&response));
  EXPECT_EQ(response.status(), HealthCheckResponse::SERVING);
  server_.server().Drain();
  ASSERT_TRUE(reader->Read(&response));
  EXPECT_EQ(response.status(), HealthCheckResponse::NOT_SERVING);
  EXPECT_FALSE(reader->Read(&response));
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
}

// gRPC's clients would ask again at once, for as long as the drain takes.
TEST_F(HealthTest, AWatchLastsWhileTheDrainAwaitsCalls) {
  auto call = BlockedCall();
  auto drain = std::async(std::launch::async, [&] { server_.server().Drain(); });
  while (Check("").status() == HealthCheckResponse::SERVING) std::this_thread::yield();

  grpc::ClientContext context;
  auto reader = stub_->Watch(&context, HealthCheckRequest());
  HealthCheckResponse response;
  ASSERT_TRUE(reader->Read(&response));
  EXPECT_EQ(response.status(), HealthCheckResponse::NOT_SERVING);
  auto more = std::async(std::launch::async, [&] { return reader->Read(&response); });
  EXPECT_EQ(more.wait_for(std::chrono::milliseconds(50)), std::future_status::timeout);
  server_.engine().Release();
  EXPECT_TRUE(call.get().ok());
  EXPECT_FALSE(more.get());
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
  drain.get();
}

TEST_F(HealthTest, AWatchOfAnUnknownServiceSaysSo) {
  grpc::ClientContext context;
  HealthCheckRequest request;
  request.set_service("other");
  auto reader = stub_->Watch(&context, request);
  HealthCheckResponse response;
  ASSERT_TRUE(reader->Read(&response));
  EXPECT_EQ(response.status(), HealthCheckResponse::SERVICE_UNKNOWN);
  context.TryCancel();
  EXPECT_FALSE(reader->Read(&response));
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::CANCELLED);
}

TEST_F(HealthTest, WatchesThatAreCancelledAtOnceHarmNobody) {
  for (int i = 0; i < 500; ++i) {
    grpc::ClientContext context;
    auto reader = stub_->Watch(&context, HealthCheckRequest());
    context.TryCancel();
    HealthCheckResponse response;
    while (reader->Read(&response)) {
    }
    EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::CANCELLED);
  }
  EXPECT_EQ(Check("").status(), HealthCheckResponse::SERVING);
}

TEST_F(HealthTest, AWatchOfAnEndlessNameIsRefused) {
  grpc::ClientContext context;
  HealthCheckRequest request;
  request.set_service(std::string(257, 'x'));
  auto reader = stub_->Watch(&context, request);
  HealthCheckResponse response;
  EXPECT_FALSE(reader->Read(&response));
  const grpc::Status status = reader->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(status.error_message(), "service: got a name of 257 bytes; expected at most 256");
}

TEST_F(HealthTest, HundredOpenWatchesDoNotDelayTheDrain) {
  std::vector<std::unique_ptr<grpc::ClientContext>> contexts;
  std::vector<std::unique_ptr<grpc::ClientReader<HealthCheckResponse>>> readers;
  HealthCheckResponse response;
  for (int i = 0; i < 100; ++i) {
    contexts.push_back(std::make_unique<grpc::ClientContext>());
    readers.push_back(stub_->Watch(contexts.back().get(), HealthCheckRequest()));
    ASSERT_TRUE(readers.back()->Read(&response));
  }
  const auto begin = std::chrono::steady_clock::now();
  server_.server().Drain();  // Its timeout is 30 s.
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(25));
  for (auto& reader : readers) {
    while (reader->Read(&response)) {
    }
    EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
  }
}

}  // namespace
}  // namespace mdn

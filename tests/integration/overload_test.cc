#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "tests/integration/fake_model_server.h"
#include "tests/support/await.h"

namespace mdn {
namespace {

using ::testing::HasSubstr;

/// A Predict of one row that goes on in the background.
class BackgroundCall {
 public:
  BackgroundCall(FakeModelServer& server, float feature,
                 std::chrono::milliseconds timeout = std::chrono::seconds(60)) {
    context_.set_deadline(std::chrono::system_clock::now() + timeout);
    *request_.mutable_x() = Column({feature});
    result_ = std::async(std::launch::async, [this, &server] {
      return server.stub().Predict(&context_, request_, &response_);
    });
  }
  grpc::Status Wait() { return result_.get(); }
  void Cancel() { context_.TryCancel(); }
  grpc::ClientContext& context() { return context_; }
  const v1::PredictResponse& response() const { return response_; }

 private:
  grpc::ClientContext context_;
  v1::PredictRequest request_;
  v1::PredictResponse response_;
  std::future<grpc::Status> result_;
};

class OverloadTest : public testing::Test {
 protected:
  static FakeModelServer::Options OneAtATime() {
    FakeModelServer::Options options;
    options.batching.concurrency = 1;
    options.batching.max_queue_rows = 4;
    options.server.limits.max_request_rows = 4;
    return options;
  }

  std::unique_ptr<BackgroundCall> Call(float feature) {
    return std::make_unique<BackgroundCall>(server_, feature);
  }

  /// The queue's length changes on the server's threads; it is polled until it is as expected.
  void AwaitQueuedRows(int64_t rows) {
    EXPECT_TRUE(Await([&] { return server_.batcher().queued_rows() == rows; }));
  }

  FakeModelServer server_{OneAtATime()};
};

TEST_F(OverloadTest, AFullQueueRefusesExactlyWhatDoesNotFitAndRecovers) {
  server_.engine().Block();
  auto first = Call(1);
  server_.engine().WaitUntilBlocked();
  std::vector<std::unique_ptr<BackgroundCall>> queued;
  for (int i = 0; i < 4; ++i) queued.push_back(Call(static_cast<float>(10 + i)));
  AwaitQueuedRows(4);
  for (int i = 0; i < 10; ++i) {
    const grpc::Status status = Call(99)->Wait();
    EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
    EXPECT_THAT(status.error_message(), HasSubstr("max_queue_rows"));
  }
  server_.engine().Release();
  EXPECT_TRUE(first->Wait().ok());
  for (auto& call : queued) EXPECT_TRUE(call->Wait().ok());
  EXPECT_TRUE(Call(5)->Wait().ok());
  EXPECT_EQ(server_.engine().rows_seen(), 6);
}

TEST_F(OverloadTest, ARefusalTellsWhenToRetry) {
  server_.engine().Block();
  auto first = Call(1);
  server_.engine().WaitUntilBlocked();
  std::vector<std::unique_ptr<BackgroundCall>> queued;
  for (int i = 0; i < 4; ++i) queued.push_back(Call(2));
  AwaitQueuedRows(4);
  auto refused = Call(3);
  const grpc::Status status = refused->Wait();
  google::rpc::Status details;
  google::rpc::RetryInfo retry;
  ASSERT_TRUE(details.ParseFromString(status.error_details()));
  ASSERT_TRUE(details.details(0).UnpackTo(&retry));
  EXPECT_GT(retry.retry_delay().nanos(), 0);
  const auto& trailers = refused->context().GetServerTrailingMetadata();
  ASSERT_EQ(trailers.count("grpc-retry-pushback-ms"), 1u);
  server_.engine().Release();
  EXPECT_TRUE(first->Wait().ok());
  for (auto& call : queued) EXPECT_TRUE(call->Wait().ok());
}

TEST_F(OverloadTest, WhatExpiresInTheQueueIsNeverEvaluated) {
  server_.engine().Block();
  auto first = Call(1);
  server_.engine().WaitUntilBlocked();
  // One for which the machine has no time expires on its way.
  for (std::chrono::seconds timeout(1); server_.batcher().stats().submitted < 2; timeout *= 2) {
    BackgroundCall expiring(server_, 2, timeout);
    EXPECT_EQ(expiring.Wait().error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  }
  AwaitQueuedRows(0);  // Dropped while the engine is still busy.
  server_.engine().Release();
  EXPECT_TRUE(first->Wait().ok());
  EXPECT_EQ(server_.engine().rows_seen(), 1);
}

TEST_F(OverloadTest, WhatIsCancelledInTheQueueIsNeverEvaluated) {
  server_.engine().Block();
  auto first = Call(1);
  server_.engine().WaitUntilBlocked();
  auto cancelled = Call(2);
  AwaitQueuedRows(1);
  cancelled->Cancel();
  EXPECT_EQ(cancelled->Wait().error_code(), grpc::StatusCode::CANCELLED);
  AwaitQueuedRows(0);
  server_.engine().Release();
  EXPECT_TRUE(first->Wait().ok());
  EXPECT_EQ(server_.engine().rows_seen(), 1);
}

TEST_F(OverloadTest, CancellingWhatIsEvaluatedHarmsNobody) {
  server_.engine().Block();
  auto cancelled = Call(1);
  server_.engine().WaitUntilBlocked();
  cancelled->Cancel();
  EXPECT_EQ(cancelled->Wait().error_code(), grpc::StatusCode::CANCELLED);
  auto next = Call(2);
  AwaitQueuedRows(1);
  server_.engine().Release();
  EXPECT_TRUE(next->Wait().ok());
  EXPECT_EQ(next->response().mu().values(0), 2);
}

TEST(InFlightTest, CallsBeyondTheBoundAreRefusedAndTheRestGoesOn) {
  FakeModelServer::Options options;
  options.server.max_inflight_requests = 2;
  FakeModelServer server(options);
  server.engine().Block();
  BackgroundCall first(server, 1), second(server, 2);
  while (server.batcher().stats().submitted < 2) std::this_thread::yield();
  BackgroundCall third(server, 3);
  const grpc::Status status = third.Wait();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(status.error_message(), "the server has 2 calls in flight, the most it takes");
  server.engine().Release();
  EXPECT_TRUE(first.Wait().ok());
  EXPECT_TRUE(second.Wait().ok());
}

TEST(InFlightTest, CallsBeyondTheMemoryBoundAreRefusedAndTheRestGoesOn) {
  FakeModelServer::Options options;
  options.server.max_inflight_bytes = 1;
  options.server.limits.max_message_bytes = 8192;  // Four of these may be held.
  FakeModelServer server(options);
  server.engine().Block();
  v1::SampleRequest request;
  *request.mutable_x() = Column({1});
  request.set_num_samples(1500);  // 6 KB.
  const auto sample = [&] {
    grpc::ClientContext context;
    v1::SampleResponse response;
    return server.stub().Sample(&context, request, &response);
  };
  std::vector<std::future<grpc::Status>> held;
  for (int i = 0; i < 5; ++i) held.push_back(std::async(std::launch::async, sample));
  while (server.batcher().stats().submitted < 5) std::this_thread::yield();
  const grpc::Status status = sample();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_THAT(status.error_message(), HasSubstr("hold too much memory for this one"));
  server.engine().Release();
  for (auto& call : held) EXPECT_TRUE(call.get().ok());
  // A call gives its memory back after its caller has the answer.
  EXPECT_TRUE(Await([&] { return sample().ok(); }));
}

TEST(InFlightTest, FieldsThatNobodyKnowsAreNotKept) {
  FakeModelServer::Options options;
  options.server.max_inflight_bytes = 1;
  options.server.limits.max_message_bytes = 8192;  // 32 KiB may be held.
  FakeModelServer server(options);
  server.engine().Block();
  v1::PredictRequest request;
  *request.mutable_x() = Column({1});
  auto* unknown = request.GetReflection()->MutableUnknownFields(&request);
  for (int i = 0; i < 2500; ++i) unknown->AddVarint(100, 1);
  ASSERT_GT(request.ByteSizeLong(), 7'000u);
  const auto predict = [&] {
    grpc::ClientContext context;
    v1::PredictResponse response;
    return server.stub().Predict(&context, request, &response);
  };
  std::vector<std::future<grpc::Status>> calls;
  for (int i = 0; i < 8; ++i) {
    calls.push_back(std::async(std::launch::async, predict));
    while (server.batcher().stats().submitted == i &&
           calls.back().wait_for(std::chrono::milliseconds(1)) == std::future_status::timeout) {
    }
  }
  server.engine().Release();
  for (auto& call : calls) EXPECT_TRUE(call.get().ok());
}

}  // namespace
}  // namespace mdn

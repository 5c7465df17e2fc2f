#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "grpc/health/v1/health.grpc.pb.h"
#include "server/observability/rejection.h"
#include "tests/integration/fake_model_server.h"
#include "tests/support/await.h"
#include "tests/support/call_by_name.h"

namespace mdn {
namespace {

constexpr absl::string_view kService = "mdn.v1.MdnService";

/// Calls by their status.
using Outcomes = std::array<int64_t, kStatusCodes>;

const MethodMetrics& Method(FakeModelServer& server, absl::string_view name,
                            absl::string_view service = kService) {
  for (const MethodMetrics* method : server.server().rpc_metrics().All()) {
    if (method->name() == name && method->service() == service) return *method;
  }
  ADD_FAILURE() << "there is no method " << name;
  std::abort();
}

Outcomes Handled(const MethodMetrics& method) {
  Outcomes outcomes{};
  for (int code = 0; code < kStatusCodes; ++code) {
    outcomes[code] = method.handled(static_cast<absl::StatusCode>(code));
  }
  return outcomes;
}

/// Expects that, soon, as many calls have ended as have begun, and as many have begun as were made.
void AwaitHandled(const MethodMetrics& method, int64_t calls) {
  const auto handled = [&] {
    int64_t sum = 0;
    for (const int64_t count : Handled(method)) sum += count;
    return sum;
  };
  Await([&] { return method.started() >= calls && handled() >= calls; });
  EXPECT_EQ(method.started(), calls);
  EXPECT_EQ(handled(), calls);
}

/// A Predict that goes on in the background.
class PredictCall {
 public:
  PredictCall(FakeModelServer& server, float feature) {
    context_.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
    *request_.mutable_x() = Column({feature});
    result_ = std::async(std::launch::async, [this, &server] {
      return server.stub().Predict(&context_, request_, &response_);
    });
  }
  grpc::StatusCode Wait() { return result_.get().error_code(); }
  void Cancel() { context_.TryCancel(); }

 private:
  grpc::ClientContext context_;
  v1::PredictRequest request_;
  v1::PredictResponse response_;
  std::future<grpc::Status> result_;
};

FakeModelServer::Options SmallQueue() {
  FakeModelServer::Options options;
  options.batching.concurrency = 1;
  options.batching.max_queue_rows = 4;
  options.server.limits.max_request_rows = 4;
  options.server.max_inflight_requests = 64;
  return options;
}

/// What one caller has seen of each method.
struct Seen {
  Outcomes predict{}, sample{}, log_likelihood{}, check{};
  int64_t predicted_rows = 0;
};

/// Calls of all kinds: good ones, wrong ones, and more at a time than there is room for.
Seen CallInManyWays(FakeModelServer& server, int calls) {
  Seen seen;
  const auto channel = server.Channel();
  const auto stub = v1::MdnService::NewStub(channel);
  const auto health = grpc::health::v1::Health::NewStub(channel);
  for (int i = 0; i < calls; ++i) {
    grpc::ClientContext predicting, sampling, weighing, checking;
    // A call that finds no connection never reaches the server, and has no count.
    for (auto* context : {&predicting, &sampling, &weighing, &checking}) {
      context->set_wait_for_ready(true);
      context->set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
    }
    v1::PredictRequest predict;
    *predict.mutable_x() = i % 3 == 0 ? Column({1, 2}) : Column({1, 2, 3, 4});
    if (i % 7 == 0) predict.mutable_model()->set_name("nobody");
    v1::PredictResponse mixtures;
    const grpc::Status status = stub->Predict(&predicting, predict, &mixtures);
    ++seen.predict[status.error_code()];
    if (status.ok()) seen.predicted_rows += predict.x().shape(0);

    v1::SampleRequest sample;
    *sample.mutable_x() = Column({1});
    sample.set_num_samples(i % 5 == 0 ? -1 : 2);
    v1::SampleResponse samples;
    ++seen.sample[stub->Sample(&sampling, sample, &samples).error_code()];

    v1::LogLikelihoodRequest weigh;
    *weigh.mutable_x() = Column({1});
    *weigh.mutable_y() = i % 2 == 0 ? Column({1}) : Column({1, 2});
    v1::LogLikelihoodResponse weights;
    ++seen.log_likelihood[stub->LogLikelihood(&weighing, weigh, &weights).error_code()];

    grpc::health::v1::HealthCheckRequest check;
    if (i % 4 == 0) check.set_service("nothing");
    grpc::health::v1::HealthCheckResponse answer;
    ++seen.check[health->Check(&checking, check, &answer).error_code()];
  }
  return seen;
}

TEST(MetricsTest, CountsAreThoseOfTheCallersUnderLoadThatIsPartlyRefused) {
  constexpr int kCallers = 16;
  constexpr int kCalls = 200;
  FakeModelServer server(SmallQueue());
  std::vector<std::future<Seen>> callers;
  for (int i = 0; i < kCallers; ++i) {
    callers.push_back(
        std::async(std::launch::async, [&server] { return CallInManyWays(server, kCalls); }));
  }
  Seen all;
  for (auto& caller : callers) {
    const Seen seen = caller.get();
    for (int code = 0; code < kStatusCodes; ++code) {
      all.predict[code] += seen.predict[code];
      all.sample[code] += seen.sample[code];
      all.log_likelihood[code] += seen.log_likelihood[code];
      all.check[code] += seen.check[code];
    }
    all.predicted_rows += seen.predicted_rows;
  }
  EXPECT_EQ(Handled(Method(server, "Predict")), all.predict);
  EXPECT_EQ(Handled(Method(server, "Sample")), all.sample);
  EXPECT_EQ(Handled(Method(server, "LogLikelihood")), all.log_likelihood);
  EXPECT_EQ(Handled(Method(server, "Check", "grpc.health.v1.Health")), all.check);
  AwaitHandled(Method(server, "Predict"), kCallers * kCalls);
  EXPECT_EQ(server.model().answered_rows(RowPurpose::kPredict), all.predicted_rows);

  const auto refused = static_cast<size_t>(absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(server.server().rpc_metrics().rejected(Rejection::kQueueFull),
            all.predict[refused] + all.sample[refused] + all.log_likelihood[refused]);
}

TEST(MetricsTest, CountsCancelledAndExpiredCallsOnce) {
  std::atomic<std::chrono::hours> passed{std::chrono::hours(0)};
  FakeModelServer::Options options = SmallQueue();
  options.batching.now = [&passed] { return std::chrono::steady_clock::now() + passed.load(); };
  FakeModelServer server(options);
  server.engine().Block();
  PredictCall first(server, 1);
  server.engine().WaitUntilBlocked();
  std::vector<std::unique_ptr<PredictCall>> cancelled;
  for (int i = 0; i < 4; ++i) cancelled.push_back(std::make_unique<PredictCall>(server, 2));
  EXPECT_TRUE(Await([&] { return server.batcher().queued_rows() == 4; }));
  for (const auto& call : cancelled) call->Cancel();
  for (const auto& call : cancelled) EXPECT_EQ(call->Wait(), grpc::StatusCode::CANCELLED);
  EXPECT_TRUE(Await([&] { return server.batcher().queued_rows() == 0; }));
  PredictCall expiring(server, 3);
  EXPECT_TRUE(Await([&] { return server.batcher().queued_rows() == 1; }));
  passed = std::chrono::hours(1);
  server.engine().Release();
  EXPECT_EQ(expiring.Wait(), grpc::StatusCode::DEADLINE_EXCEEDED);
  EXPECT_EQ(first.Wait(), grpc::StatusCode::OK);

  const MethodMetrics& predict = Method(server, "Predict");
  AwaitHandled(predict, 6);
  EXPECT_EQ(predict.handled(absl::StatusCode::kOk), 1);
  EXPECT_EQ(predict.handled(absl::StatusCode::kDeadlineExceeded), 1);
  EXPECT_EQ(predict.handled(absl::StatusCode::kCancelled), 4);
  EXPECT_EQ(server.server().rpc_metrics().rejected(Rejection::kDeadlinePassed), 1);
  EXPECT_EQ(server.model().answered_rows(RowPurpose::kPredict), 1);
}

TEST(MetricsTest, CountsRequestsThatCannotBeParsed) {
  FakeModelServer server;
  v1::PredictRequest request;
  *request.mutable_x() = Column({1, 2, 3});
  std::string cut_short = request.SerializeAsString();
  cut_short.pop_back();
  // More than one read's worth.
  const std::string large(100'000, '\xFF');
  for (const std::string& bytes : {std::string("\xFF"), cut_short, large}) {
    const grpc::Status status =
        CallByName(server.Channel(), "/mdn.v1.MdnService/Predict", "", bytes);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
    EXPECT_EQ(status.error_message(), "the request cannot be parsed");
  }
  for (const std::string method : {"Check", "Watch"}) {
    const grpc::Status health =
        CallByName(server.Channel(), "/grpc.health.v1.Health/" + method, "", "\xFF");
    EXPECT_EQ(health.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
    AwaitHandled(Method(server, method, "grpc.health.v1.Health"), 1);
  }
  const MethodMetrics& predict = Method(server, "Predict");
  AwaitHandled(predict, 3);
  EXPECT_EQ(predict.handled(absl::StatusCode::kInvalidArgument), 3);
}

TEST(MetricsTest, CountsWhatIsRefusedWhileDraining) {
  FakeModelServer server(SmallQueue());
  server.engine().Block();
  PredictCall in_flight(server, 1);
  server.engine().WaitUntilBlocked();
  auto drain = std::async(std::launch::async, [&] { server.server().Drain(); });
  int64_t taken = 0;
  grpc::Status status;
  do {  // Asks for no rows, which needs no engine.
    grpc::ClientContext context;
    v1::PredictRequest request;
    *request.mutable_x() = Column({});
    v1::PredictResponse response;
    status = server.stub().Predict(&context, request, &response);
    if (status.ok()) ++taken;
  } while (status.ok());
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  server.engine().Release();
  EXPECT_EQ(in_flight.Wait(), grpc::StatusCode::OK);
  drain.get();
  EXPECT_EQ(Method(server, "Predict").handled(absl::StatusCode::kOk), 1 + taken);
  EXPECT_EQ(Method(server, "Predict").handled(absl::StatusCode::kUnavailable), 1);
  EXPECT_EQ(server.server().rpc_metrics().rejected(Rejection::kDraining), 1);
  EXPECT_FALSE(server.server().IsServing());
}

TEST(MetricsTest, CountsCallsOfMethodsThatThereAreNot) {
  FakeModelServer server;
  for (const char* method : {"/mdn.v1.MdnService/Nothing", "/no.such.Service/Call", "/", "//"}) {
    const grpc::Status status = CallByName(server.Channel(), method);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::UNIMPLEMENTED);
    EXPECT_EQ(status.error_message(), "this server has no such service or method");
  }
  const MethodMetrics& unknown = Method(server, "unknown", "unknown");
  AwaitHandled(unknown, 4);
  EXPECT_EQ(unknown.handled(absl::StatusCode::kUnimplemented), 4);
}

TEST(MetricsTest, CountsAWatchWhenItEnds) {
  FakeModelServer server;
  const MethodMetrics& watch = Method(server, "Watch", "grpc.health.v1.Health");
  EXPECT_EQ(watch.type(), "server_stream");
  const auto health = grpc::health::v1::Health::NewStub(server.Channel());
  grpc::ClientContext context;
  const auto reader = health->Watch(&context, grpc::health::v1::HealthCheckRequest());
  grpc::health::v1::HealthCheckResponse response;
  ASSERT_TRUE(reader->Read(&response));
  EXPECT_EQ(watch.started(), 1);
  EXPECT_EQ(Handled(watch), Outcomes{});
  context.TryCancel();
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::CANCELLED);
  AwaitHandled(watch, 1);
  EXPECT_EQ(watch.handled(absl::StatusCode::kCancelled), 1);
}

}  // namespace
}  // namespace mdn

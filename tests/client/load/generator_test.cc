#include "client/load/generator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <thread>

#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "tests/support/fake_service.h"
#include "tests/support/temporary_directory.h"

namespace mdn::load {
namespace {

using testing::HasSubstr;

constexpr int kDeadlineExceeded = 4;
constexpr int kResourceExhausted = 8;
// Longer than any test may take: phases end by their number of requests.
constexpr std::chrono::minutes kLong(10);

LoadPhase ClosedLoop(int concurrency, int64_t requests) {
  LoadPhase phase;
  phase.concurrency = concurrency;
  phase.max_requests = requests;
  phase.duration = kLong;
  return phase;
}

LoadPhase OpenLoop(double rate, int64_t requests) {
  LoadPhase phase = ClosedLoop(1, requests);
  phase.rate = rate;
  return phase;
}

class LoadGeneratorTest : public testing::Test {
 protected:
  LoadGeneratorTest() {
    options_.servers = {service_.address()};
    workload_.dim_in = 2;
  }

  std::unique_ptr<LoadGenerator> Connect() {
    auto generator = LoadGenerator::Connect(options_, workload_);
    EXPECT_TRUE(generator.ok()) << generator.status();
    return *std::move(generator);
  }

  FakeService service_;
  GeneratorOptions options_;
  Workload workload_;
  std::atomic<bool> stop_{false};
};

TEST_F(LoadGeneratorTest, SendsAsManyAsAskedInAClosedLoop) {
  workload_.rows = 3;
  const LoadResult result = Connect()->Run(ClosedLoop(4, 50), stop_);

  EXPECT_EQ(result.answers[0], 50);
  EXPECT_EQ(result.total(), 50);
  EXPECT_EQ(result.in_window, 50);
  EXPECT_EQ(result.latency.count(), 50);
  EXPECT_EQ(result.lag.count(), 0);
  EXPECT_GT(result.response_bytes, 0);
  ASSERT_EQ(service_.predictions().size(), 50);
  EXPECT_THAT(service_.predictions().back().x().shape(), testing::ElementsAre(3, 2));
}

TEST_F(LoadGeneratorTest, SendsAsManyAsAskedInAnOpenLoop) {
  const LoadResult result = Connect()->Run(OpenLoop(1000, 20), stop_);

  EXPECT_EQ(result.answers[0], 20);
  EXPECT_EQ(result.latency.count(), 20);
  EXPECT_EQ(result.lag.count(), 20);
}

TEST_F(LoadGeneratorTest, CountsLatencyFromTheMomentARequestWasDue) {
  // All are due within a millisecond, which is not to be done: most of them wait to be sent.
  const LoadResult result = Connect()->Run(OpenLoop(2e6, 2000), stop_);

  EXPECT_GE(result.latency.mean(), result.lag.mean());
  EXPECT_GE(result.latency.max(), result.lag.max());
  EXPECT_GT(result.lag.max(), 1'000'000);
}

TEST_F(LoadGeneratorTest, EndsWithItsTime) {
  const auto generator = Connect();
  LoadPhase phase = ClosedLoop(2, 1'000'000'000);
  LoadResult result;
  // Longer where the machine has no time for an answer.
  for (std::chrono::milliseconds time(250); result.in_window == 0; time *= 2) {
    phase.duration = time;
    result = generator->Run(phase, stop_);
    EXPECT_LE(result.in_window, result.total());
    EXPECT_DOUBLE_EQ(result.window_seconds, absl::ToDoubleSeconds(absl::FromChrono(time)));
    EXPECT_GE(result.elapsed_seconds, result.window_seconds);
  }
}

TEST_F(LoadGeneratorTest, SharesTheLoadBetweenThreads) {
  options_.connections = 5;
  options_.threads = 3;
  const auto generator = Connect();

  EXPECT_EQ(generator->Run(ClosedLoop(7, 100), stop_).answers[0], 100);
  EXPECT_EQ(generator->Run(OpenLoop(10'000, 100), stop_).answers[0], 100);
  EXPECT_EQ(service_.calls(), 200);
}

TEST_F(LoadGeneratorTest, SpreadsConnectionsOverServers) {
  FakeService other;
  options_.servers.push_back(other.address());
  options_.connections = 4;
  Connect()->Run(ClosedLoop(4, 40), stop_);

  EXPECT_EQ(service_.calls(), 20);
  EXPECT_EQ(other.calls(), 20);
}

TEST_F(LoadGeneratorTest, CountsErrorsByCodeAndDoesNotRetry) {
  service_.FailNext(3, {grpc::StatusCode::RESOURCE_EXHAUSTED, "full"}, /*pushback_ms=*/0);
  const LoadResult result = Connect()->Run(ClosedLoop(1, 10), stop_);

  EXPECT_EQ(result.answers[kResourceExhausted], 3);
  EXPECT_EQ(result.answers[0], 7);
  EXPECT_EQ(result.latency.count(), 7);
  EXPECT_EQ(service_.calls(), 10);
}

TEST_F(LoadGeneratorTest, WaitsNoLongerThanTheTimeout) {
  service_.HoldCalls();
  options_.timeout = std::chrono::milliseconds(200);
  const LoadResult result = Connect()->Run(ClosedLoop(2, 2), stop_);

  EXPECT_EQ(result.answers[kDeadlineExceeded], 2);
  EXPECT_EQ(result.latency.count(), 0);
}

TEST_F(LoadGeneratorTest, LooksForAnswersAllTheTimeWhereItIsToStayAwake) {
  service_.HoldCalls();
  options_.timeout = std::chrono::milliseconds(200);
  LoadPhase phase = ClosedLoop(2, 4);
  EXPECT_EQ(Connect()->Run(phase, stop_).vain_seconds, 0);
  phase.awake = true;
  const LoadResult result = Connect()->Run(phase, stop_);

  EXPECT_EQ(result.answers[kDeadlineExceeded], 4);
  EXPECT_GT(result.vain_seconds, 0);
}

TEST_F(LoadGeneratorTest, StopsAtOnceAndCancelsWhatIsUnderWay) {
  service_.HoldCalls();
  options_.timeout = kLong;
  const auto generator = Connect();
  LoadResult result;
  std::thread run([&] { result = generator->Run(ClosedLoop(4, 1000), stop_); });
  service_.WaitForHeld(4);
  stop_ = true;
  run.join();

  service_.WaitForCancelled(4);
  EXPECT_EQ(result.total(), 0);
  EXPECT_EQ(service_.calls(), 4);
}

TEST_F(LoadGeneratorTest, SaysWhichConnectionWasNotReady) {
  const TemporaryDirectory directory;
  options_.servers.push_back(absl::StrCat("unix:", directory.Path("no_such_socket")));
  options_.connections = 2;
  // Until the machine has had time for the first one.
  absl::StatusOr<std::unique_ptr<LoadGenerator>> generator;
  options_.connect_timeout = std::chrono::seconds(1);
  do {
    generator = LoadGenerator::Connect(options_, workload_);
    options_.connect_timeout *= 2;
  } while (absl::StrContains(generator.status().message(), "connection 1 of 2"));

  EXPECT_EQ(generator.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(generator.status().message()),
              testing::AllOf(HasSubstr("connection 2 of 2"), HasSubstr("no_such_socket")));
}

}  // namespace
}  // namespace mdn::load

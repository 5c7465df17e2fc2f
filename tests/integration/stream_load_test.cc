#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <thread>

#include "client/load/generator.h"
#include "tests/integration/fake_model_server.h"

// The load generator over streams, against the server itself.

namespace mdn::load {
namespace {

class StreamLoadTest : public testing::Test {
 protected:
  StreamLoadTest() {
    options_.servers = {server_.address()};
    options_.stream = true;
  }

  LoadResult Run(int concurrency, int64_t requests) {
    auto generator = LoadGenerator::Connect(options_, workload_);
    EXPECT_TRUE(generator.ok()) << generator.status();
    LoadPhase phase;
    phase.concurrency = concurrency;
    phase.max_requests = requests;
    phase.duration = std::chrono::minutes(10);
    return (*generator)->Run(phase, stop_);
  }

  FakeModelServer server_;
  GeneratorOptions options_;
  Workload workload_;
  std::atomic<bool> stop_{false};
};

TEST_F(StreamLoadTest, SendsAsManyAsAsked) {
  options_.connections = 3;
  workload_.rows = 2;
  const LoadResult result = Run(70, 5000);
  EXPECT_EQ(result.answers[0], 5000);
  EXPECT_EQ(result.total(), 5000);
  EXPECT_EQ(result.latency.count(), 5000);
  EXPECT_GT(result.response_bytes, 5000 * 2 * 6 * 4);
  EXPECT_EQ(server_.engine().rows_seen(), 10'000);
}

TEST_F(StreamLoadTest, DrivesSamplesAndDensities) {
  workload_.rpc = Rpc::kSample;
  workload_.num_samples = 5;
  EXPECT_EQ(Run(8, 100).answers[0], 100);
  workload_.rpc = Rpc::kLogLikelihood;
  EXPECT_EQ(Run(8, 100).answers[0], 100);
}

TEST_F(StreamLoadTest, CountsErrorsByTheirCode) {
  workload_.dim_in = 2;
  const LoadResult result = Run(4, 50);
  EXPECT_EQ(result.answers[grpc::StatusCode::INVALID_ARGUMENT], 50);
  EXPECT_THAT(result.messages[grpc::StatusCode::INVALID_ARGUMENT], testing::HasSubstr("x: got "));
  EXPECT_EQ(result.total(), 50);
}

TEST_F(StreamLoadTest, GivesUpOnAServerThatDoesNotAnswer) {
  server_.engine().Block();
  options_.timeout = std::chrono::milliseconds(100);
  const LoadResult result = Run(4, 4);
  EXPECT_EQ(result.answers[0], 0);
  EXPECT_EQ(result.total(), 4);
  server_.engine().Release();
}

TEST_F(StreamLoadTest, StopsWhenAsked) {
  server_.engine().Block();
  std::thread stopper([&] {
    server_.engine().WaitUntilBlocked();
    stop_ = true;
  });
  EXPECT_EQ(Run(4, 1000).answers[0], 0);
  stopper.join();
  server_.engine().Release();
}

}  // namespace
}  // namespace mdn::load

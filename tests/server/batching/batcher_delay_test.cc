#include <chrono>
#include <thread>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/batching/batcher.h"
#include "tests/server/batching/recording_task.h"
#include "tests/support/fake_engine.h"

namespace mdn {
namespace {

using ::testing::ElementsAre;

Batcher::Options FourRowsOr(std::chrono::microseconds delay) {
  Batcher::Options options;
  options.max_batch_rows = 4;
  options.max_batch_delay = delay;
  return options;
}

// So long that a test which depended on it would run into its time limit.
constexpr std::chrono::hours kForever{24};

TEST(BatcherDelayTest, TimerEvaluatesWhatDoesNotFillABatch) {
  const FakeEngine engine;
  Batcher batcher(engine, FourRowsOr(std::chrono::milliseconds(1)));
  RecordingTask task(7, 3);
  std::thread::id consumer;
  task.on_consume = [&] { consumer = std::this_thread::get_id(); };
  batcher.Submit(task);
  task.WaitUntilDone();
  EXPECT_TRUE(task.succeeded());
  EXPECT_NE(consumer, std::this_thread::get_id());
}

TEST(BatcherDelayTest, FullBatchIsEvaluatedAtOnceByTheCallerThatFillsIt) {
  const FakeEngine engine;
  Batcher batcher(engine, FourRowsOr(kForever));
  RecordingTask a(7, 3), b(20);
  batcher.Submit(a);
  EXPECT_EQ(batcher.queued_rows(), 3);
  batcher.Submit(b);
  EXPECT_TRUE(a.succeeded() && b.succeeded());
  EXPECT_THAT(engine.batch_sizes(), ElementsAre(4));
}

TEST(BatcherDelayTest, RestOfAFullBatchWaitsForItsOwnTime) {
  const FakeEngine engine;
  Batcher batcher(engine, FourRowsOr(kForever));
  RecordingTask a(7, 4), b(20, 2);
  batcher.Submit(b);
  batcher.Submit(a);
  EXPECT_TRUE(b.succeeded());
  EXPECT_EQ(batcher.queued_rows(), 2);
  batcher.Cancel(a, absl::CancelledError("gone"));
  EXPECT_EQ(a.code(), absl::StatusCode::kCancelled);
}

TEST(BatcherDelayTest, TimerServesOneTaskAfterAnother) {
  const FakeEngine engine;
  Batcher batcher(engine, FourRowsOr(std::chrono::microseconds(100)));
  for (int i = 0; i < 100; ++i) {
    RecordingTask task(i);
    batcher.Submit(task);
    task.WaitUntilDone();
    ASSERT_TRUE(task.succeeded());
  }
}

TEST(BatcherDelayTest, WhatComesWhileTheEngineIsBusyIsServedByTheTimerLater) {
  FakeEngine engine;
  Batcher batcher(engine, FourRowsOr(std::chrono::milliseconds(1)));
  engine.Block();
  RecordingTask full(7, 4), late(20);
  std::thread evaluator([&] { batcher.Submit(full); });
  engine.WaitUntilBlocked();
  batcher.Submit(late);
  engine.Release();
  evaluator.join();
  late.WaitUntilDone();
  EXPECT_TRUE(full.succeeded() && late.succeeded());
}

}  // namespace
}  // namespace mdn

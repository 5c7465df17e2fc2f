#include "server/batching/batcher.h"

#include <memory>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/batching/busy_batcher.h"
#include "tests/server/batching/recording_task.h"
#include "tests/support/fake_engine.h"

namespace mdn {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Batcher::Options Limits(int64_t max_batch_rows, int64_t max_queue_rows = 65536) {
  Batcher::Options options;
  options.max_batch_rows = max_batch_rows;
  options.max_queue_rows = max_queue_rows;
  return options;
}

TEST(BatcherTest, EvaluatesAtOnceOnTheCallersThreadWhenTheEngineIsFree) {
  const FakeEngine engine;
  Batcher batcher(engine, {});
  RecordingTask task(7, 3);
  std::thread::id consumer;
  task.on_consume = [&] { consumer = std::this_thread::get_id(); };
  batcher.Submit(task);
  EXPECT_TRUE(task.succeeded());
  EXPECT_EQ(consumer, std::this_thread::get_id());
}

TEST(BatcherTest, TasksThatCameWhileTheEngineWasBusyFormOneBatch) {
  BusyBatcher busy(Limits(512));
  RecordingTask a(7), b(8, 5), c(20, 2);
  for (Task* task : {&a, &b, &c}) busy.batcher().Submit(*task);
  EXPECT_EQ(busy.batcher().queued_rows(), 8);
  EXPECT_EQ(a.times_done(), 0);
  busy.Finish();
  EXPECT_TRUE(a.succeeded() && b.succeeded() && c.succeeded());
  EXPECT_THAT(busy.engine().batch_sizes(), ElementsAre(1, 8));
  EXPECT_THAT(busy.engine().calls()[1].first_features, ElementsAre(7, 8, 9, 10, 11, 12, 20, 21));
}

TEST(BatcherTest, BatchesAreFullWhileEnoughWaits) {
  BusyBatcher busy(Limits(8));
  std::vector<std::unique_ptr<RecordingTask>> tasks;
  for (int i = 0; i < 10; ++i) {
    tasks.push_back(std::make_unique<RecordingTask>(10 * i, 3));
    busy.batcher().Submit(*tasks.back());
  }
  busy.Finish();
  EXPECT_THAT(busy.engine().batch_sizes(), ElementsAre(1, 8, 8, 8, 6));
  for (const auto& task : tasks) EXPECT_TRUE(task->succeeded());
}

TEST(BatcherTest, LargeTaskIsEvaluatedInSlicesOfItsOwnMemory) {
  const FakeEngine engine;
  Batcher batcher(engine, Limits(8));
  RecordingTask task(100, 20);
  batcher.Submit(task);
  EXPECT_TRUE(task.succeeded());
  EXPECT_THAT(engine.batch_sizes(), ElementsAre(8, 8, 4));
  const std::vector<FakeEngine::Call> calls = engine.calls();
  EXPECT_EQ(calls[0].x, task.x().data());
  EXPECT_EQ(calls[1].x, task.x().data() + 8);
  EXPECT_EQ(calls[2].x, task.x().data() + 16);
}

TEST(BatcherTest, SlicesThatTakeLongHaveNoMoreRowsThanTheEngineNeeds) {
  FakeEngine engine;
  engine.SetEfficientRows(4);
  Batcher::Options options = Limits(10);
  SteadyTime now;
  options.now = [&now] { return now += std::chrono::seconds(1); };
  Batcher batcher(engine, options);
  RecordingTask first(7), large(100, 14);
  for (RecordingTask* task : {&first, &large}) {
    batcher.Submit(*task);
    EXPECT_TRUE(task->succeeded());
  }
  EXPECT_THAT(engine.batch_sizes(), ElementsAre(1, 4, 4, 4, 2));
}

TEST(BatcherTest, SmallTaskDoesNotWaitForAllOfALargeOne) {
  FakeEngine engine;
  Batcher batcher(engine, Limits(8));
  RecordingTask large(100, 80), small(7);
  engine.Block();
  std::thread evaluator([&] { batcher.Submit(large); });
  engine.WaitUntilBlocked();
  batcher.Submit(small);
  EXPECT_EQ(batcher.queued_rows(), 73) << "the rest of the large task waits";
  for (int batch = 0; batch < 3; ++batch) {
    engine.ReleaseOne();
    engine.WaitUntilBlocked();
  }
  EXPECT_TRUE(small.succeeded());
  EXPECT_EQ(large.times_done(), 0);
  engine.Release();
  evaluator.join();
  EXPECT_TRUE(large.succeeded());
}

TEST(BatcherTest, RowsHaveTheSameAnswersAloneAndTogether) {
  BusyBatcher busy(Limits(16));
  std::vector<std::unique_ptr<RecordingTask>> tasks;
  for (int i = 0; i < 100; ++i) {
    tasks.push_back(std::make_unique<RecordingTask>(100 * i, 1 + i % 40));
    busy.batcher().Submit(*tasks.back());
  }
  busy.Finish();
  for (const auto& task : tasks) EXPECT_TRUE(task->succeeded());
}

TEST(BatcherTest, EvaluatesAsManyBatchesAtOnceAsAllowed) {
  FakeEngine engine;
  Batcher::Options options;
  options.concurrency = 2;
  Batcher batcher(engine, options);
  engine.Block();
  RecordingTask a(7), b(8), c(9);
  std::thread first([&] { batcher.Submit(a); });
  std::thread second([&] { batcher.Submit(b); });
  engine.WaitUntilBlocked(2);
  batcher.Submit(c);
  EXPECT_EQ(batcher.queued_rows(), 1);
  engine.Release();
  first.join();
  second.join();
  EXPECT_TRUE(a.succeeded() && b.succeeded() && c.succeeded());
  EXPECT_EQ(engine.calls().size(), 3);
}

TEST(BatcherTest, TasksThatComeWhileABatchIsBeingCompletedFormTheNextOne) {
  const FakeEngine engine;
  Batcher batcher(engine, {});
  RecordingTask slow(7), a(8), b(9, 2);
  slow.on_done = [&] {
    std::thread([&] {
      batcher.Submit(a);
      batcher.Submit(b);
    }).join();
    EXPECT_EQ(batcher.queued_rows(), 3);
  };
  batcher.Submit(slow);
  EXPECT_TRUE(slow.succeeded() && a.succeeded() && b.succeeded());
  EXPECT_THAT(engine.batch_sizes(), ElementsAre(1, 3));
}

TEST(BatcherTest, CompletesTheTasksOfABatchTogether) {
  Batcher::Options options = Limits(512);
  std::vector<int> completed;
  options.complete = [&](TaskList done) {
    completed.push_back(0);
    BatchQueue::Complete(std::move(done));
  };
  const FakeEngine engine;
  Batcher batcher(engine, options);
  RecordingTask alone(7), a(8), b(9);
  for (RecordingTask* task : {&alone, &a, &b}) {
    task->on_done = [&] { ++completed.back(); };
  }
  batcher.Submit(alone);
  batcher.Enqueue(a, SteadyTime());
  batcher.Enqueue(b, SteadyTime());
  batcher.Evaluate();
  EXPECT_TRUE(alone.succeeded() && a.succeeded() && b.succeeded());
  EXPECT_THAT(completed, ElementsAre(1, 2));
}

TEST(BatcherTest, TasksThatWereQueuedAreEvaluatedTogetherWhenAsked) {
  const FakeEngine engine;
  Batcher batcher(engine, Limits(4));
  RecordingTask a(7), b(8, 2), c(20);
  EXPECT_FALSE(batcher.Enqueue(a, AtMicrosecond(0)));
  EXPECT_FALSE(batcher.Enqueue(b, AtMicrosecond(0)));
  EXPECT_TRUE(batcher.Enqueue(c, AtMicrosecond(0))) << "a full batch waits";
  EXPECT_THAT(engine.batch_sizes(), ElementsAre());
  batcher.Evaluate();
  EXPECT_TRUE(a.succeeded() && b.succeeded() && c.succeeded());
  EXPECT_THAT(engine.batch_sizes(), ElementsAre(4));
}

TEST(BatcherTest, ExpectsWhatWaitsToTakeAsLongAsWhatCameBefore) {
  const FakeEngine engine;
  Batcher::Options options;
  int64_t now = 0;
  options.now = [&now] { return AtMicrosecond(now); };
  Batcher batcher(engine, options);
  EXPECT_EQ(batcher.ExpectedWork(), std::nullopt);
  RecordingTask first(7), second(20, 3);
  first.on_consume = [&now] { now = 500; };
  batcher.Submit(first);
  EXPECT_EQ(batcher.ExpectedWork(), std::chrono::microseconds(0));
  batcher.Enqueue(second, AtMicrosecond(now));
  EXPECT_EQ(batcher.ExpectedWork(), std::chrono::microseconds(1500));
  batcher.Evaluate();
}

TEST(BatcherTest, SmallTaskWouldWaitForOneTurnOfALargeOne) {
  const FakeEngine engine;
  int64_t now = 0;
  Batcher::Options options = Limits(10);
  options.now = [&now] { return AtMicrosecond(now); };
  Batcher batcher(engine, options);
  EXPECT_EQ(batcher.ExpectedWait(), std::nullopt);
  RecordingTask first(7), small(20, 3), large(30, 40);
  first.on_consume = [&now] { now = 500; };
  batcher.Submit(first);
  for (Task* task : {&small, &large}) batcher.Enqueue(*task, AtMicrosecond(now));
  EXPECT_EQ(batcher.ExpectedWork(), std::chrono::microseconds(43 * 500));
  EXPECT_EQ(batcher.ExpectedWait(), std::chrono::microseconds(13 * 500));
  batcher.Evaluate();
}

TEST(BatcherTest, TasksThatComeWhileABatchIsBeingCompletedAreNotForgotten) {
  BusyBatcher busy(Limits(1));
  RecordingTask a(7), b(8), c(9);
  a.on_done = [&] { busy.batcher().Submit(c); };
  for (Task* task : {&a, &b}) busy.batcher().Submit(*task);
  busy.Finish();
  EXPECT_TRUE(a.succeeded() && b.succeeded() && c.succeeded());
}

class BatcherFullTest : public ::testing::TestWithParam<int> {};

TEST_P(BatcherFullTest, RefusesExactlyWhatDoesNotFitAndRecovers) {
  constexpr int kCapacity = 2000;
  BusyBatcher busy(Limits(512, kCapacity));
  std::vector<std::unique_ptr<RecordingTask>> tasks;
  int refused = 0;
  for (int i = 0; i < kCapacity + GetParam(); ++i) {
    tasks.push_back(std::make_unique<RecordingTask>(i));
    busy.batcher().Submit(*tasks.back());
    if (tasks.back()->times_done() == 0) continue;
    ++refused;
    EXPECT_EQ(tasks.back()->code(), absl::StatusCode::kResourceExhausted);
    EXPECT_THAT(tasks.back()->message(), HasSubstr("max_queue_rows is 2000"));
  }
  EXPECT_EQ(refused, GetParam());
  busy.Finish();
  EXPECT_THAT(busy.engine().batch_sizes(), ElementsAre(1, 512, 512, 512, 464));
  RecordingTask afterwards(7);
  busy.batcher().Submit(afterwards);
  EXPECT_TRUE(afterwards.succeeded());
}

INSTANTIATE_TEST_SUITE_P(Excess, BatcherFullTest, ::testing::Values(1, 10, 1000));

TEST(BatcherTest, CountsTasksBatchesAndRows) {
  BusyBatcher busy(Limits(4, 10));
  RecordingTask a(7, 6), b(20, 5);
  for (Task* task : {&a, &b}) busy.batcher().Submit(*task);
  busy.Finish();
  const BatchStats stats = busy.batcher().stats();
  EXPECT_EQ(stats.submitted, 3);
  EXPECT_EQ(stats.done, 3);
  EXPECT_EQ(stats.batches, 3);
  EXPECT_EQ(stats.rows, 7);
}

}  // namespace
}  // namespace mdn

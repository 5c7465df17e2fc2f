#include <atomic>
#include <deque>
#include <thread>

#include "gtest/gtest.h"
#include "server/batching/batcher.h"
#include "tests/server/batching/busy_batcher.h"
#include "tests/server/batching/recording_task.h"
#include "tests/support/fake_engine.h"

namespace mdn {
namespace {

const absl::Status kGone = absl::CancelledError("the caller has gone");

Batcher::Options InBatchesOf(int64_t rows) {
  Batcher::Options options;
  options.max_batch_rows = rows;
  return options;
}

TEST(BatcherCancelTest, WaitingTaskIsDoneWhileTheEngineIsStillBusy) {
  BusyBatcher busy(InBatchesOf(8));
  RecordingTask task(7, 3);
  busy.batcher().Submit(task);
  busy.batcher().Cancel(task, kGone);
  EXPECT_EQ(task.outcome(), kGone);
  EXPECT_EQ(busy.batcher().queued_rows(), 0);
  EXPECT_EQ(busy.first().times_done(), 0);
  busy.Finish();
  EXPECT_EQ(busy.engine().rows_seen(), 1);
}

TEST(BatcherCancelTest, RowsThatAreBeingEvaluatedFinishFirst) {
  BusyBatcher busy(InBatchesOf(8));
  busy.batcher().Cancel(busy.first(), kGone);
  EXPECT_EQ(busy.first().times_done(), 0);
  busy.Finish();
  EXPECT_EQ(busy.first().outcome(), kGone);
  EXPECT_EQ(busy.first().rows_consumed(), 1);
}

TEST(BatcherCancelTest, RestOfAPartlyEvaluatedTaskIsDropped) {
  const FakeEngine engine;
  Batcher batcher(engine, InBatchesOf(4));
  RecordingTask task(7, 20);
  task.on_consume = [&] {
    if (engine.rows_seen() == 8) batcher.Cancel(task, kGone);
    EXPECT_EQ(task.times_done(), 0);
  };
  batcher.Submit(task);
  EXPECT_EQ(task.outcome(), kGone);
  EXPECT_EQ(task.rows_consumed(), 8);
  EXPECT_EQ(engine.rows_seen(), 8);
}

TEST(BatcherCancelTest, TaskCancelledBeforeItIsSubmittedIsNotEvaluated) {
  const FakeEngine engine;
  Batcher batcher(engine, {});
  RecordingTask task(7);
  batcher.Cancel(task, kGone);
  EXPECT_EQ(task.times_done(), 0);
  batcher.Submit(task);
  EXPECT_EQ(task.outcome(), kGone);
  EXPECT_EQ(engine.rows_seen(), 0);
}

TEST(BatcherCancelTest, HasNoEffectOnATaskThatIsDone) {
  const FakeEngine engine;
  Batcher batcher(engine, {});
  RecordingTask task(7);
  task.on_done = [&] { batcher.Cancel(task, kGone); };
  batcher.Submit(task);
  batcher.Cancel(task, kGone);
  EXPECT_TRUE(task.succeeded());
}

TEST(BatcherCancelTest, HasNoEffectOnATaskWhoseDoneIsAboutToBeCalled) {
  BusyBatcher busy(InBatchesOf(8));
  RecordingTask a(7), b(8);
  a.on_done = [&] { busy.batcher().Cancel(b, kGone); };
  for (Task* task : {&a, &b}) busy.batcher().Submit(*task);
  busy.Finish();
  EXPECT_TRUE(a.succeeded() && b.succeeded());
}

TEST(BatcherCancelTest, RaceWithCompletionGivesExactlyOneDone) {
  const FakeEngine engine;
  Batcher batcher(engine, InBatchesOf(2));
  std::deque<RecordingTask> tasks;
  for (int i = 0; i < 1000; ++i) tasks.emplace_back(7, 6);
  std::atomic<int> submitting = -1;
  std::thread canceller([&] {
    for (int i = 0; i < 1000; ++i) {
      while (submitting < i) std::this_thread::yield();
      batcher.Cancel(tasks[i], kGone);
    }
  });
  for (int i = 0; i < 1000; ++i) {
    submitting = i;
    batcher.Submit(tasks[i]);
  }
  canceller.join();
  for (const RecordingTask& task : tasks) {
    EXPECT_EQ(task.times_done(), 1);
    EXPECT_TRUE(task.succeeded() || task.outcome() == kGone);
  }
}

}  // namespace
}  // namespace mdn

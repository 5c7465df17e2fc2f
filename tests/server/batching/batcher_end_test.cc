#include <atomic>
#include <functional>
#include <limits>
#include <memory>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/batching/batcher.h"
#include "tests/server/batching/busy_batcher.h"
#include "tests/server/batching/recording_task.h"
#include "tests/support/fake_engine.h"

namespace mdn {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const absl::Status kGone = absl::CancelledError("the caller has gone");

Batcher::Options InBatchesOf(int64_t rows) {
  Batcher::Options options;
  options.max_batch_rows = rows;
  return options;
}

/// A clock that the test moves.
class SettableClock {
 public:
  void Set(SteadyTime time) { now_ = time; }
  Batcher::Options Options() {
    Batcher::Options options;
    options.now = [this] { return now_.load(); };
    return options;
  }

 private:
  std::atomic<SteadyTime> now_ = AtMicrosecond(1000);
};

TEST(BatcherDeadlineTest, TaskThatHasExpiredOnArrivalIsNotEvaluated) {
  SettableClock clock;
  const FakeEngine engine;
  Batcher batcher(engine, clock.Options());
  RecordingTask task(7, 1, AtMicrosecond(1000));
  batcher.Submit(task);
  EXPECT_EQ(task.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(engine.rows_seen(), 0);
}

TEST(BatcherDeadlineTest, TasksThatExpireInTheQueueAreNotEvaluated) {
  SettableClock clock;
  BusyBatcher busy(clock.Options());
  std::vector<std::unique_ptr<RecordingTask>> tasks;
  for (int i = 0; i < 10000; ++i) {
    tasks.push_back(std::make_unique<RecordingTask>(i, 1, AtMicrosecond(i < 5000 ? 2000 : 2001)));
    busy.batcher().Submit(*tasks.back());
  }
  clock.Set(AtMicrosecond(2000));
  busy.Finish();
  EXPECT_EQ(busy.engine().rows_seen(), 1 + 5000);
  for (int i = 0; i < 10000; ++i) {
    EXPECT_EQ(tasks[i]->code(),
              i < 5000 ? absl::StatusCode::kDeadlineExceeded : absl::StatusCode::kOk);
    EXPECT_EQ(tasks[i]->rows_consumed(), i < 5000 ? 0 : 1);
  }
}

TEST(BatcherDeadlineTest, TaskThatExpiresBetweenSlicesIsNotEvaluatedFurther) {
  SettableClock clock;
  const FakeEngine engine;
  Batcher::Options options = clock.Options();
  options.max_batch_rows = 4;
  Batcher batcher(engine, options);
  RecordingTask task(7, 20, AtMicrosecond(2000));
  task.on_consume = [&] { clock.Set(AtMicrosecond(engine.rows_seen() < 8 ? 1999 : 2000)); };
  batcher.Submit(task);
  EXPECT_EQ(task.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(task.message(), HasSubstr("while the request waited"));
  EXPECT_THAT(engine.batch_sizes(), ElementsAre(4, 4));
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

TEST(BatcherCancelTest, HasNoEffectOnATaskThatIsDoneOrJustBecomesIt) {
  const FakeEngine engine;
  Batcher batcher(engine, {});
  RecordingTask task(7);
  task.on_done = [&] { batcher.Cancel(task, kGone); };
  batcher.Submit(task);
  batcher.Cancel(task, kGone);
  EXPECT_TRUE(task.succeeded());
}

TEST(BatcherCancelTest, RaceWithCompletionGivesExactlyOneDone) {
  const FakeEngine engine;
  Batcher batcher(engine, InBatchesOf(2));
  for (int repetition = 0; repetition < 1000; ++repetition) {
    RecordingTask task(7, 6);
    std::thread canceller([&] { batcher.Cancel(task, kGone); });
    batcher.Submit(task);
    canceller.join();
    EXPECT_EQ(task.times_done(), 1);
    EXPECT_TRUE(task.succeeded() || task.outcome() == kGone);
  }
  EXPECT_EQ(batcher.stats().done, 1000);
}

TEST(BatcherFailureTest, RowThatIsNotFiniteFailsItsTaskAlone) {
  BusyBatcher busy(InBatchesOf(8));
  busy.engine().BreakRowsThatBeginWith(23);
  RecordingTask a(7, 2), bad(20, 5), b(30, 2);
  for (Task* task : {&a, &bad, &b}) busy.batcher().Submit(*task);
  busy.Finish();
  EXPECT_EQ(bad.outcome(),
            absl::InternalError("row 3 of x: the model gave a number that is not finite"));
  EXPECT_EQ(bad.rows_consumed(), 0);
  EXPECT_TRUE(a.succeeded() && b.succeeded());
}

TEST(BatcherFailureTest, RowThatIsNotFiniteInALaterSliceIsNamedByItsPlaceInTheRequest) {
  FakeEngine engine;
  engine.BreakRowsThatBeginWith(115);
  Batcher batcher(engine, InBatchesOf(4));
  RecordingTask task(100, 40);
  batcher.Submit(task);
  EXPECT_EQ(task.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(task.message(), HasSubstr("row 15 of x"));
  EXPECT_EQ(engine.rows_seen(), 16) << "the rest is not evaluated";
}

TEST(BatcherFailureTest, EngineFailureFailsTheBatchWithoutTellingDetails) {
  BusyBatcher busy(InBatchesOf(4));
  RecordingTask a(7, 2), b(8, 2), later(9);
  for (Task* task : {&a, &b, &later}) busy.batcher().Submit(*task);
  a.on_done = [&] { busy.engine().FailWith(absl::OkStatus()); };
  busy.engine().FailWith(absl::InternalError("out of memory at 0x1234"));
  busy.Finish();
  for (RecordingTask* task : {&busy.first(), &a, &b}) {
    EXPECT_EQ(task->rows_consumed(), 0);
  }
  EXPECT_EQ(a.outcome(), absl::InternalError("the model could not be evaluated"));
  EXPECT_EQ(b.outcome(), absl::InternalError("the model could not be evaluated"));
  EXPECT_TRUE(later.succeeded()) << "the engine works again";
}

}  // namespace
}  // namespace mdn

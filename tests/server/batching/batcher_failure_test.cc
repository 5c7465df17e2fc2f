#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/batching/batcher.h"
#include "tests/server/batching/busy_batcher.h"
#include "tests/server/batching/recording_task.h"
#include "tests/support/fake_engine.h"

namespace mdn {
namespace {

using ::testing::HasSubstr;

Batcher::Options InBatchesOf(int64_t rows) {
  Batcher::Options options;
  options.max_batch_rows = rows;
  return options;
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

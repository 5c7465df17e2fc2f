#include <atomic>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/batching/batcher.h"
#include "server/observability/rejection.h"
#include "tests/server/batching/busy_batcher.h"
#include "tests/server/batching/recording_task.h"

namespace mdn {
namespace {

/// A clock that stands still unless it is moved.
class BatchMetricsTest : public ::testing::Test {
 protected:
  Batcher::Options Options() {
    Batcher::Options options;
    options.max_batch_rows = 4;
    options.max_queue_rows = 8;
    options.now = [this] { return AtMicrosecond(now_); };
    return options;
  }

  std::atomic<int64_t> now_{1000};
};

int64_t Count(const Histogram& histogram) {
  int64_t count = 0;
  for (const int64_t in_bucket : histogram.Read().counts) count += in_bucket;
  return count;
}

TEST_F(BatchMetricsTest, TellHowLongEachTaskWaitedForItsFirstRow) {
  BusyBatcher busy(Options());
  RecordingTask a(7, 3), large(20, 5);
  busy.batcher().Submit(a);
  now_ = 1010;
  busy.batcher().Submit(large);
  now_ = 1030;
  busy.Finish();
  const Histogram& waits = busy.batcher().metrics().queue_wait;
  EXPECT_EQ(Count(waits), 3);  // The one that made it busy did not wait.
  EXPECT_EQ(waits.Read().sum, (0 + 30 + 20) * 1000);
}

TEST_F(BatchMetricsTest, TellHowLongBatchesTookAndHowManyRowsTheyHad) {
  BusyBatcher busy(Options());
  RecordingTask a(7, 3), b(20, 5);
  for (Task* task : {&a, &b}) busy.batcher().Submit(*task);
  now_ = 1250;
  busy.Finish();
  const BatchMetrics& metrics = busy.batcher().metrics();
  EXPECT_EQ(Count(metrics.batch_rows), 3);
  EXPECT_EQ(metrics.batch_rows.Read().sum, 1 + 3 + 5);
  EXPECT_EQ(Count(metrics.evaluation_time), 3);
  EXPECT_EQ(metrics.evaluation_time.Read().sum, 250'000);  // The clock stood still since.
}

TEST_F(BatchMetricsTest, LeaveOutWhatIsNotEvaluated) {
  BusyBatcher busy(Options());
  RecordingTask cancelled(7), late(8, 1, AtMicrosecond(1100)), refused(9, 8);
  for (Task* task : {&cancelled, &late, &refused}) busy.batcher().Submit(*task);
  busy.batcher().Cancel(cancelled, absl::CancelledError("gone"));
  now_ = 1200;
  busy.Finish();
  EXPECT_EQ(Count(busy.batcher().metrics().queue_wait), 1);
  EXPECT_EQ(busy.batcher().metrics().batch_rows.Read().sum, 1);
}

TEST_F(BatchMetricsTest, SayWhyATaskWasRejected) {
  BusyBatcher busy(Options());
  RecordingTask waiting(7), full(8, 8), expired(9, 1, AtMicrosecond(1000)),
      late(10, 1, AtMicrosecond(1100)), cancelled(11);
  for (Task* task : {&waiting, &full, &expired, &late, &cancelled}) busy.batcher().Submit(*task);
  busy.batcher().Cancel(cancelled, absl::CancelledError("gone"));
  now_ = 1200;
  busy.Finish();
  EXPECT_EQ(RejectionOf(waiting.outcome()), std::nullopt);
  EXPECT_EQ(RejectionOf(full.outcome()), Rejection::kQueueFull);
  EXPECT_EQ(RejectionOf(expired.outcome()), Rejection::kDeadlinePassed);
  EXPECT_EQ(RejectionOf(late.outcome()), Rejection::kDeadlinePassed);
  EXPECT_EQ(RejectionOf(cancelled.outcome()), std::nullopt);
}

}  // namespace
}  // namespace mdn

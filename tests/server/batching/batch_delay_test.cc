#include "gtest/gtest.h"
#include "server/batching/batch_queue.h"
#include "tests/server/batching/recording_task.h"

namespace mdn {
namespace {

BatchQueue::Options FourRowsOrFiftyMicroseconds() {
  return {4, 100, std::chrono::microseconds(50)};
}

class BatchDelayTest : public ::testing::Test {
 protected:
  void PushAt(int64_t microsecond, Task& task) {
    BatchQueue::Complete(queue_.Push(task, AtMicrosecond(microsecond)));
  }
  void CancelTask(Task& task) {
    BatchQueue::Complete(queue_.Cancel(task, absl::CancelledError("gone")));
  }
  void TakeAndReturnAt(int64_t microsecond) {
    Batch batch;
    BatchQueue::Complete(queue_.Take(AtMicrosecond(microsecond), batch));
    BatchQueue::Complete(queue_.Return(batch));
  }
  void TearDown() override {
    while (!queue_.empty()) TakeAndReturnAt(0);
  }

  BatchQueue queue_{FourRowsOrFiftyMicroseconds()};
};

TEST_F(BatchDelayTest, EmptyQueueIsNeverDue) { EXPECT_EQ(queue_.NextDue(), SteadyTime::max()); }

TEST_F(BatchDelayTest, WithoutADelayWhatWaitsIsDue) {
  BatchQueue queue({4, 100, std::chrono::microseconds(0)});
  RecordingTask task(7);
  BatchQueue::Complete(queue.Push(task, AtMicrosecond(10)));
  EXPECT_EQ(queue.NextDue(), SteadyTime::min());
  BatchQueue::Complete(queue.Cancel(task, absl::CancelledError("gone")));
}

TEST_F(BatchDelayTest, TaskThatDoesNotFillABatchIsDueAfterTheDelay) {
  RecordingTask a(7), b(8);
  PushAt(10, a);
  PushAt(30, b);
  EXPECT_EQ(queue_.NextDue(), AtMicrosecond(60));
}

TEST_F(BatchDelayTest, FullBatchIsDueAtOnce) {
  RecordingTask a(7, 3), b(8, 1);
  PushAt(10, a);
  EXPECT_EQ(queue_.NextDue(), AtMicrosecond(60));
  PushAt(11, b);
  EXPECT_EQ(queue_.NextDue(), SteadyTime::min());
}

TEST_F(BatchDelayTest, WhenTheOldestIsCancelledTheNextOneCounts) {
  RecordingTask a(7), b(8);
  PushAt(10, a);
  PushAt(30, b);
  CancelTask(a);
  EXPECT_EQ(queue_.NextDue(), AtMicrosecond(80));
  CancelTask(b);
  EXPECT_EQ(queue_.NextDue(), SteadyTime::max());
}

TEST_F(BatchDelayTest, RestOfALargeTaskIsDueByItsOwnArrival) {
  RecordingTask large(7, 6);
  PushAt(10, large);
  TakeAndReturnAt(20);
  EXPECT_EQ(queue_.waiting_rows(), 2);
  EXPECT_EQ(queue_.NextDue(), AtMicrosecond(60));
}

}  // namespace
}  // namespace mdn

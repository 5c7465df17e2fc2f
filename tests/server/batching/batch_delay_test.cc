#include <deque>

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
  RecordingTask& PushAt(int64_t microsecond, int64_t rows) {
    RecordingTask& task = tasks_.emplace_back(0, rows);
    BatchQueue::Complete(queue_.Push(task, AtMicrosecond(microsecond)));
    return task;
  }
  void CancelTask(Task& task) {
    BatchQueue::Complete(queue_.Cancel(task, absl::CancelledError("gone")));
  }
  void TakeAndReturnAt(int64_t microsecond) {
    Batch batch;
    BatchQueue::Complete(queue_.Take(AtMicrosecond(microsecond), batch));
    BatchQueue::Complete(queue_.Return(AtMicrosecond(microsecond), batch));
  }
  void TearDown() override {
    while (!queue_.empty()) TakeAndReturnAt(0);
  }

  std::deque<RecordingTask> tasks_;
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
  PushAt(10, 1);
  PushAt(30, 1);
  EXPECT_EQ(queue_.NextDue(), AtMicrosecond(60));
}

TEST_F(BatchDelayTest, FullBatchIsDueAtOnce) {
  PushAt(10, 3);
  EXPECT_EQ(queue_.NextDue(), AtMicrosecond(60));
  PushAt(11, 1);
  EXPECT_EQ(queue_.NextDue(), SteadyTime::min());
}

TEST_F(BatchDelayTest, WhenTheOldestIsCancelledTheNextOneCounts) {
  RecordingTask& a = PushAt(10, 1);
  RecordingTask& b = PushAt(30, 1);
  CancelTask(a);
  EXPECT_EQ(queue_.NextDue(), AtMicrosecond(80));
  CancelTask(b);
  EXPECT_EQ(queue_.NextDue(), SteadyTime::max());
}

TEST_F(BatchDelayTest, RestOfALargeTaskIsDueByItsOwnArrival) {
  PushAt(10, 6);
  TakeAndReturnAt(20);
  EXPECT_EQ(queue_.waiting_rows(), 2);
  EXPECT_EQ(queue_.NextDue(), AtMicrosecond(60));
}

TEST_F(BatchDelayTest, TurnOfALargeTaskIsDueAtOnce) {
  BatchQueue queue({8, 100, std::chrono::microseconds(50), /*efficient_rows=*/2});
  const auto take_and_return = [&queue](int64_t taken, int64_t returned) {
    Batch batch;
    BatchQueue::Complete(queue.Take(AtMicrosecond(taken), batch));
    BatchQueue::Complete(queue.Return(AtMicrosecond(returned), batch));
  };
  RecordingTask slow(7), large(8, 3);
  BatchQueue::Complete(queue.Push(slow, AtMicrosecond(0)));
  take_and_return(0, 900);  // A turn has two rows.
  BatchQueue::Complete(queue.Push(large, AtMicrosecond(1000)));
  EXPECT_EQ(queue.NextDue(), SteadyTime::min());
  take_and_return(1000, 1000);
  EXPECT_EQ(queue.waiting_rows(), 1);
  EXPECT_EQ(queue.NextDue(), AtMicrosecond(1050));
  take_and_return(1050, 1050);
}

TEST_F(BatchDelayTest, TaskThatOvertakesTheRestOfALargeOneDoesNotPostponeIt) {
  PushAt(10, 6);
  TakeAndReturnAt(20);
  PushAt(40, 1);
  EXPECT_EQ(queue_.NextDue(), AtMicrosecond(60));
}

}  // namespace
}  // namespace mdn

#include "server/batching/batch_queue.h"

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/batching/recording_task.h"

namespace mdn {
namespace {

using ::testing::HasSubstr;

const SteadyTime kNow = AtMicrosecond(1000);

BatchQueue::Options Limits(int64_t max_batch_rows, int64_t max_queue_rows = 1000) {
  return {max_batch_rows, max_queue_rows, std::chrono::microseconds(0)};
}

void Push(BatchQueue& queue, Task& task, SteadyTime now = kNow) {
  BatchQueue::Complete(queue.Push(task, now));
}

/// "7[0,3) 9[2,4)": rows 0 to 2 of the task that begins with feature 7, then 2 and 3 of another.
std::string Describe(const Batch& batch) {
  std::string text;
  for (const Slice& slice : batch.slices) {
    absl::StrAppend(&text, text.empty() ? "" : " ", slice.task->x()[0], "[", slice.first_row, ",",
                    slice.first_row + slice.rows, ")");
  }
  return text;
}

Batch Take(BatchQueue& queue, SteadyTime now = kNow) {
  Batch batch;
  BatchQueue::Complete(queue.Take(now, batch));
  return batch;
}

void Return(BatchQueue& queue, Batch& batch, SteadyTime now = kNow) {
  BatchQueue::Complete(queue.Return(now, batch));
}

std::string TakeAndReturn(BatchQueue& queue, SteadyTime now = kNow) {
  Batch batch = Take(queue, now);
  const std::string description = Describe(batch);
  Return(queue, batch, now);
  return description;
}

TEST(BatchQueueTest, TakesWhatWaitsInOrder) {
  BatchQueue queue(Limits(8));
  RecordingTask a(7, 1), b(8, 3), c(9, 2);
  for (Task* task : {&a, &b, &c}) Push(queue, *task);
  EXPECT_EQ(queue.waiting_rows(), 6);
  const Batch batch = Take(queue);
  EXPECT_EQ(Describe(batch), "7[0,1) 8[0,3) 9[0,2)");
  EXPECT_EQ(batch.rows, 6);
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(queue.waiting_rows(), 0);
}

TEST(BatchQueueTest, GivesAnEmptyBatchOfAnEmptyQueue) {
  BatchQueue queue(Limits(8));
  EXPECT_EQ(Take(queue).rows, 0);
  EXPECT_EQ(queue.stats().batches, 0);
}

TEST(BatchQueueTest, TaskIsDoneWhenItsLastSliceReturns) {
  BatchQueue queue(Limits(2));
  RecordingTask task(7, 4);
  Push(queue, task);
  Batch first = Take(queue);
  Batch second = Take(queue);
  Return(queue, second);
  EXPECT_EQ(task.times_done(), 0);
  Return(queue, first);
  EXPECT_EQ(task.outcome(), absl::OkStatus());
}

TEST(BatchQueueTest, TurnThatTheBatchCutsGoesOnAtTheHeadOfTheNext) {
  BatchQueue queue(Limits(4));
  RecordingTask a(7, 3), b(8, 3), c(9, 3);
  for (Task* task : {&a, &b, &c}) Push(queue, *task);
  EXPECT_EQ(TakeAndReturn(queue), "7[0,3) 8[0,1)");
  EXPECT_EQ(TakeAndReturn(queue), "8[1,3) 9[0,2)");
  EXPECT_EQ(TakeAndReturn(queue), "9[2,3)");
}

TEST(BatchQueueTest, LargeTaskInterleavesWithSmallOnes) {
  BatchQueue queue(Limits(4));
  RecordingTask large(10, 11), a(7, 1), b(8, 2);
  for (Task* task : {&large, &a, &b}) Push(queue, *task);
  EXPECT_EQ(TakeAndReturn(queue), "10[0,4)");
  EXPECT_EQ(TakeAndReturn(queue), "7[0,1) 8[0,2) 10[4,5)");
  EXPECT_EQ(TakeAndReturn(queue), "10[5,9)");
  EXPECT_EQ(TakeAndReturn(queue), "10[9,11)");
}

TEST(BatchQueueTest, TwoLargeTasksTakeTurns) {
  BatchQueue queue(Limits(4));
  RecordingTask a(10, 8), b(20, 8);
  for (Task* task : {&a, &b}) Push(queue, *task);
  EXPECT_EQ(TakeAndReturn(queue), "10[0,4)");
  EXPECT_EQ(TakeAndReturn(queue), "20[0,4)");
  EXPECT_EQ(TakeAndReturn(queue), "10[4,8)");
  EXPECT_EQ(TakeAndReturn(queue), "20[4,8)");
}

TEST(BatchQueueTest, RefusesATaskThatDoesNotFit) {
  BatchQueue queue(Limits(4, 10));
  RecordingTask a(7, 8), b(8, 3), c(9, 2);
  for (Task* task : {&a, &b, &c}) Push(queue, *task);
  EXPECT_EQ(b.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(b.message(),
            "the queue is full: 8 rows wait and this request has 3 more; max_queue_rows is 10");
  EXPECT_EQ(c.times_done(), 0);
  EXPECT_EQ(queue.waiting_rows(), 10);
  BatchQueue::Complete(queue.Cancel(a, absl::CancelledError("")));
  BatchQueue::Complete(queue.Cancel(c, absl::CancelledError("")));
}

TEST(BatchQueueTest, RowsThatWereTakenMakeRoom) {
  BatchQueue queue(Limits(4, 10));
  RecordingTask a(7, 10), b(8, 4), c(9, 1);
  Push(queue, a);
  Batch batch = Take(queue);
  Push(queue, b);
  Push(queue, c);
  EXPECT_EQ(b.times_done(), 0);
  EXPECT_EQ(c.code(), absl::StatusCode::kResourceExhausted);
  Return(queue, batch);
  for (Task* task : {&a, &b}) BatchQueue::Complete(queue.Cancel(*task, absl::CancelledError("")));
}

TEST(BatchQueueTest, TaskExpiresAtItsDeadlineNotBefore) {
  BatchQueue queue(Limits(4));
  RecordingTask a(7, 1, AtMicrosecond(2000)), b(8, 1, AtMicrosecond(2001));
  for (Task* task : {&a, &b}) Push(queue, *task);
  EXPECT_EQ(TakeAndReturn(queue, AtMicrosecond(2000)), "8[0,1)");
  EXPECT_EQ(a.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(b.outcome(), absl::OkStatus());
}

TEST(BatchQueueTest, TaskThatHasExpiredOnArrivalDoesNotEnter) {
  BatchQueue queue(Limits(4));
  RecordingTask task(7, 1, kNow);
  Push(queue, task);
  EXPECT_EQ(task.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(task.message(), HasSubstr("when the request arrived"));
  EXPECT_TRUE(queue.empty());
}

TEST(BatchQueueTest, ExpiredTasksLeaveTheirPlaceInTheBatchToOthers) {
  BatchQueue queue(Limits(2));
  RecordingTask a(7, 2, AtMicrosecond(1500)), b(8), c(9);
  for (Task* task : {&a, &b, &c}) Push(queue, *task);
  EXPECT_EQ(TakeAndReturn(queue, AtMicrosecond(1500)), "8[0,1) 9[0,1)");
}

TEST(BatchQueueTest, TaskThatExpiresBetweenSlicesIsNotTakenFurther) {
  BatchQueue queue(Limits(2));
  RecordingTask task(7, 6, AtMicrosecond(2000));
  Push(queue, task);
  Batch batch = Take(queue);
  EXPECT_EQ(Take(queue, AtMicrosecond(2000)).rows, 0);
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(task.times_done(), 0) << "a slice is still out";
  Return(queue, batch);
  EXPECT_EQ(task.code(), absl::StatusCode::kDeadlineExceeded);
}

TEST(BatchQueueTest, DropsTheHalfOfTenThousandThatHasExpired) {
  BatchQueue queue(Limits(512, 10000));
  std::vector<std::unique_ptr<RecordingTask>> tasks;
  for (int i = 0; i < 10000; ++i) {
    const SteadyTime deadline = i % 2 == 0 ? AtMicrosecond(2000) : SteadyTime::max();
    tasks.push_back(std::make_unique<RecordingTask>(i, 1, deadline));
    Push(queue, *tasks.back());
  }
  while (!queue.empty()) TakeAndReturn(queue, AtMicrosecond(2000));
  EXPECT_EQ(queue.stats().rows, 5000);
  EXPECT_EQ(queue.stats().batches, 10);
  EXPECT_EQ(queue.stats().done, 10000);
  for (int i = 0; i < 10000; ++i) {
    EXPECT_EQ(tasks[i]->code(),
              i % 2 == 0 ? absl::StatusCode::kDeadlineExceeded : absl::StatusCode::kOk);
  }
}

TEST(BatchQueueTest, FailedSliceEndsItsTaskAndNoOther) {
  BatchQueue queue(Limits(4));
  RecordingTask a(7, 1), b(8, 9), c(9, 1);
  for (Task* task : {&a, &b, &c}) Push(queue, *task);
  Batch batch = Take(queue);
  ASSERT_EQ(Describe(batch), "7[0,1) 8[0,3)");
  batch.slices[1].outcome = absl::InternalError("broken");
  Return(queue, batch);
  EXPECT_EQ(a.outcome(), absl::OkStatus());
  EXPECT_EQ(b.outcome(), absl::InternalError("broken"));
  EXPECT_EQ(queue.waiting_rows(), 1);
  EXPECT_EQ(TakeAndReturn(queue), "9[0,1)");
}

TEST(BatchQueueTest, CancelledTaskLeavesTheMiddleOfTheQueueAtOnce) {
  BatchQueue queue(Limits(8));
  RecordingTask a(7, 1), b(8, 2), c(9, 1);
  for (Task* task : {&a, &b, &c}) Push(queue, *task);
  BatchQueue::Complete(queue.Cancel(b, absl::CancelledError("gone")));
  EXPECT_EQ(b.outcome(), absl::CancelledError("gone"));
  EXPECT_EQ(queue.waiting_rows(), 2);
  EXPECT_EQ(TakeAndReturn(queue), "7[0,1) 9[0,1)");
}

TEST(BatchQueueTest, CancelledTaskWithASliceOutIsDoneWhenTheSliceReturns) {
  BatchQueue queue(Limits(2));
  RecordingTask task(7, 6);
  Push(queue, task);
  Batch batch = Take(queue);
  BatchQueue::Complete(queue.Cancel(task, absl::CancelledError("gone")));
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(task.times_done(), 0);
  Return(queue, batch);
  EXPECT_EQ(task.outcome(), absl::CancelledError("gone"));
}

TEST(BatchQueueTest, FirstReasonOfTwoStands) {
  BatchQueue queue(Limits(2));
  RecordingTask task(7);
  Push(queue, task);
  Batch batch = Take(queue);
  BatchQueue::Complete(queue.Cancel(task, absl::CancelledError("gone")));
  BatchQueue::Complete(queue.Cancel(task, absl::UnavailableError("draining")));
  batch.slices[0].outcome = absl::InternalError("broken");
  Return(queue, batch);
  EXPECT_EQ(task.outcome(), absl::CancelledError("gone"));
}

TEST(BatchQueueTest, TaskCancelledBeforeItCameDoesNotEnter) {
  BatchQueue queue(Limits(2));
  RecordingTask task(7);
  BatchQueue::Complete(queue.Cancel(task, absl::CancelledError("gone")));
  EXPECT_EQ(task.times_done(), 0);
  Push(queue, task);
  EXPECT_EQ(task.outcome(), absl::CancelledError("gone"));
  EXPECT_TRUE(queue.empty());
}

TEST(BatchQueueTest, CancellingATaskThatIsDoneDoesNothing) {
  BatchQueue queue(Limits(2));
  RecordingTask task(7);
  Push(queue, task);
  TakeAndReturn(queue);
  BatchQueue::Complete(queue.Cancel(task, absl::CancelledError("gone")));
  EXPECT_EQ(task.outcome(), absl::OkStatus());
  EXPECT_EQ(queue.stats().done, 1);
}

/// Tells whether it is followed by another of its group.
class GroupedTask final : public Task {
 public:
  GroupedTask(const void* group, std::vector<bool>& followed)
      : Task(kX, 1, SteadyTime::max(), group), all_followed_(followed) {}
  void Consume(const Mixture& /*mixture*/, int64_t /*begin*/, int64_t /*first_row*/,
               int64_t /*rows*/) override {}
  void Done(absl::Status /*status*/) override { all_followed_.push_back(followed()); }

 private:
  static constexpr float kX[] = {1};
  std::vector<bool>& all_followed_;
};

TEST(BatchQueueTest, TasksKnowWhetherAnotherOfTheirGroupFollows) {
  const int first_group = 0, second_group = 0;
  std::vector<bool> followed;
  std::vector<std::unique_ptr<GroupedTask>> tasks;
  BatchQueue queue(Limits(10));
  for (const int* group : {&first_group, &first_group, &second_group, &first_group}) {
    tasks.push_back(std::make_unique<GroupedTask>(group, followed));
    Push(queue, *tasks.back());
  }
  for (int i = 0; i < 2; ++i) {
    tasks.push_back(std::make_unique<GroupedTask>(nullptr, followed));
    Push(queue, *tasks.back());
  }
  Batch batch = Take(queue);
  BatchQueue::Complete(queue.Return(kNow, batch));
  EXPECT_THAT(followed, testing::ElementsAre(true, false, false, false, false, false));
}

}  // namespace
}  // namespace mdn

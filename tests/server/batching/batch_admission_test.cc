#include <deque>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/batching/batch_queue.h"
#include "server/observability/rejection.h"
#include "tests/server/batching/recording_task.h"

namespace mdn {
namespace {

using ::testing::HasSubstr;

// Times are microseconds. Unless a test says otherwise, a row takes 10 of them.
class BatchAdmissionTest : public ::testing::Test {
 protected:
  RecordingTask& Push(int64_t rows, int64_t deadline, int64_t now) {
    RecordingTask& task = tasks_.emplace_back(0, rows, AtMicrosecond(deadline));
    BatchQueue::Complete(queue_.Push(task, AtMicrosecond(now)));
    return task;
  }
  RecordingTask& PushWithoutDeadline(int64_t rows, int64_t now) {
    RecordingTask& task = tasks_.emplace_back(0, rows);
    BatchQueue::Complete(queue_.Push(task, AtMicrosecond(now)));
    return task;
  }
  Batch Take(int64_t now) {
    Batch batch;
    BatchQueue::Complete(queue_.Take(AtMicrosecond(now), batch));
    return batch;
  }
  void Return(Batch batch, int64_t now) {
    BatchQueue::Complete(queue_.Return(AtMicrosecond(now), batch));
  }
  /// Evaluates `rows` rows in that time, from moment 0 on.
  void LearnPace(int64_t rows, int64_t microseconds) {
    PushWithoutDeadline(rows, 0);
    Return(Take(0), microseconds);
  }
  void TearDown() override {
    while (!queue_.empty()) Return(Take(0), 0);
  }

  std::deque<RecordingTask> tasks_;
  BatchQueue queue_{{100, 10000, std::chrono::microseconds(0)}};
};

TEST_F(BatchAdmissionTest, RefusesATaskThatHasNotTwiceTheTimeThatItsTurnTakes) {
  LearnPace(100, 1000);
  PushWithoutDeadline(30, 1000);
  RecordingTask& refused = Push(20, 1000 + 2 * 500 - 1, 1000);
  EXPECT_EQ(refused.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(refused.message(),
            "the deadline is too near: 50 rows, up to this request's last, take about 0.5 ms, and "
            "half of the time left is 0.4995 ms");
  EXPECT_EQ(RejectionOf(refused.outcome()), Rejection::kDeadlineTooNear);
  EXPECT_EQ(Push(20, 1000 + 2 * 500, 1000).times_done(), 0);
  EXPECT_EQ(queue_.waiting_rows(), 50);
}

TEST_F(BatchAdmissionTest, RowsThatAreBeingEvaluatedCount) {
  LearnPace(100, 1000);
  PushWithoutDeadline(100, 1000);
  Batch batch = Take(1000);
  PushWithoutDeadline(1, 1000);
  EXPECT_EQ(Push(9, 1000 + 2 * 1099, 1000).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(Push(9, 1000 + 2 * 1100, 1000).times_done(), 0);
  Return(std::move(batch), 2000);
}

TEST_F(BatchAdmissionTest, WhoeverComesFirstIsServedHoweverSlowThePaceWas) {
  LearnPace(1, 1'000'000);
  RecordingTask& task = Push(10, 1'000'001, 1'000'000);
  EXPECT_EQ(task.times_done(), 0);
  Return(Take(1'000'000), 1'000'001);
  EXPECT_EQ(task.outcome(), absl::OkStatus());
}

TEST_F(BatchAdmissionTest, RefusesNothingBeforeThePaceIsKnown) {
  PushWithoutDeadline(5000, 0);
  EXPECT_EQ(Push(1, 1, 0).times_done(), 0);
}

TEST_F(BatchAdmissionTest, RefusesNoTaskWithoutADeadline) {
  LearnPace(1, 1'000'000);
  PushWithoutDeadline(5000, 0);
  EXPECT_EQ(PushWithoutDeadline(5000, 0).times_done(), 0);
}

TEST_F(BatchAdmissionTest, TaskWaitsForAsManyTurnsOfALargeOneAsItHasItself) {
  LearnPace(100, 1000);
  PushWithoutDeadline(1000, 1000);
  EXPECT_EQ(Push(10, 1000 + 2 * 1099, 1000).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(Push(110, 1000 + 2 * 3099, 1000).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(Push(110, 1000 + 2 * 3100, 1000).times_done(), 0);
}

TEST_F(BatchAdmissionTest, LargeTaskWaitsForNoMoreRowsThanThereAre) {
  LearnPace(100, 1000);
  PushWithoutDeadline(50, 1000);
  EXPECT_EQ(Push(300, 1000 + 2 * 3499, 1000).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(Push(300, 1000 + 2 * 3500, 1000).times_done(), 0);
}

TEST_F(BatchAdmissionTest, TaskDoesNotWaitForThoseThatItOvertakes) {
  LearnPace(100, 1000);
  PushWithoutDeadline(1000, 1000);
  Return(Take(1000), 2000);
  EXPECT_EQ(queue_.turn_rows(), 0);
  EXPECT_EQ(Push(10, 2000 + 2 * 100, 2000).times_done(), 0);
  EXPECT_EQ(Push(110, 2000 + 2 * 2299, 2000).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(Push(110, 2000 + 2 * 2300, 2000).times_done(), 0);
  EXPECT_EQ(queue_.turn_rows(), 210) << "a full batch has overtaken the large one";
  EXPECT_EQ(Push(1, 2000 + 2 * 2109, 2000).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(Push(1, 2000 + 2 * 2110, 2000).times_done(), 0);
}

TEST_F(BatchAdmissionTest, CancelledRowsNoLongerStandBeforeATask) {
  LearnPace(100, 1000);
  PushWithoutDeadline(10, 1000);
  RecordingTask& large = PushWithoutDeadline(1000, 1000);
  EXPECT_THAT(Push(10, 1000 + 2 * 200, 1000).message(), HasSubstr("120 rows"));
  BatchQueue::Complete(queue_.Cancel(large, absl::CancelledError("")));
  EXPECT_EQ(Push(10, 1000 + 2 * 200, 1000).times_done(), 0);
}

TEST_F(BatchAdmissionTest, PaceCountsAllEvaluatorsAndWhatPassesBetweenBatches) {
  PushWithoutDeadline(400, 0);
  Batch first = Take(0), second = Take(0);
  Return(std::move(first), 1000);
  Batch third = Take(1200);
  Return(std::move(second), 1200);
  Batch fourth = Take(1200);
  Return(std::move(third), 2000);
  Return(std::move(fourth), 2200);
  RowPace expected;
  for (const int64_t time : {1000, 200, 800, 1000}) {
    expected.Record(100, std::chrono::microseconds(time));
  }
  EXPECT_EQ(queue_.pace().TimeFor(1000), expected.TimeFor(1000));
}

TEST_F(BatchAdmissionTest, PaceDoesNotCountIdleness) {
  LearnPace(100, 1000);
  PushWithoutDeadline(100, 500'000);
  Return(Take(500'000), 501'000);
  EXPECT_EQ(queue_.pace().TimeFor(100), std::chrono::microseconds(1000));
}

TEST_F(BatchAdmissionTest, PaceDoesNotCountIdlenessAfterRowsThatWereGivenUp) {
  PushWithoutDeadline(100, 0);
  Batch batch = Take(0);
  RecordingTask& given_up = PushWithoutDeadline(1, 0);
  Return(std::move(batch), 1000);
  BatchQueue::Complete(queue_.Cancel(given_up, absl::CancelledError("")));
  PushWithoutDeadline(100, 500'000);
  Return(Take(500'000), 501'000);
  EXPECT_EQ(queue_.pace().TimeFor(100), std::chrono::microseconds(1000));
}

}  // namespace
}  // namespace mdn

#include <deque>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "server/batching/batch_queue.h"
#include "tests/server/batching/recording_task.h"

namespace mdn {
namespace {

// Times are microseconds; a turn is to take 1000 of them. Batches have 100 rows at most, and
// multiples of 20 rows are efficient.
class BatchTurnsTest : public ::testing::Test {
 protected:
  void Push(int64_t rows) {
    BatchQueue::Complete(queue_.Push(tasks_.emplace_back(0, rows), AtMicrosecond(now_)));
  }
  /// The rows of the batch's slices, "20 1 19"; evaluates it at `pace` for a row.
  std::string Evaluate(int64_t pace) {
    Batch batch;
    BatchQueue::Complete(queue_.Take(AtMicrosecond(now_), batch));
    std::string rows;
    for (const Slice& slice : batch.slices) {
      absl::StrAppend(&rows, rows.empty() ? "" : " ", slice.rows);
    }
    now_ += batch.rows * pace;
    BatchQueue::Complete(queue_.Return(AtMicrosecond(now_), batch));
    return rows;
  }
  void LearnPace(int64_t pace) {
    Push(1);
    Evaluate(pace);
  }
  void TearDown() override {
    while (!queue_.empty()) Evaluate(0);
  }

  int64_t now_ = 0;
  std::deque<RecordingTask> tasks_;
  BatchQueue queue_{{100, 10000, std::chrono::microseconds(0), 20}};
};

TEST_F(BatchTurnsTest, BeforeThePaceIsKnownATurnIsAFullBatch) {
  Push(250);
  EXPECT_EQ(Evaluate(10), "100");
}

TEST_F(BatchTurnsTest, TurnHasTheEfficientRowsThatTakeAMillisecond) {
  LearnPace(13);  // 76 rows take a millisecond.
  Push(250);
  EXPECT_EQ(Evaluate(13), "60");
}

TEST_F(BatchTurnsTest, TurnIsNoSmallerThanIsEfficientHoweverLongItTakes) {
  LearnPace(1'000'000);
  Push(250);
  EXPECT_EQ(Evaluate(1'000'000), "20");
}

TEST_F(BatchTurnsTest, FastRowsHaveFullBatches) {
  LearnPace(10);
  Push(250);
  EXPECT_EQ(Evaluate(10), "100");
}

TEST_F(BatchTurnsTest, TurnsAreNoLargerThanBatchesOfFewerRowsThanAreEfficient) {
  BatchQueue queue({10, 100, std::chrono::microseconds(0), 20});
  RecordingTask task(0, 25);
  BatchQueue::Complete(queue.Push(task, AtMicrosecond(0)));
  for (const int64_t rows : {10, 10, 5}) {
    Batch batch;
    BatchQueue::Complete(queue.Take(AtMicrosecond(0), batch));
    EXPECT_EQ(batch.rows, rows);
    BatchQueue::Complete(queue.Return(AtMicrosecond(1'000'000), batch));
  }
}

TEST_F(BatchTurnsTest, TurnsRecoverAfterAStall) {
  LearnPace(1'000'000);
  Push(10000);
  EXPECT_EQ(Evaluate(1), "20");
  for (int i = 0; i < 60; ++i) Evaluate(1);
  EXPECT_EQ(Evaluate(1), "100");
}

TEST_F(BatchTurnsTest, SmallTaskWaitsForOneTurnOfEachLargeOneThatCameBefore) {
  LearnPace(50);
  for (const int64_t rows : {90, 90, 1}) Push(rows);
  EXPECT_EQ(Evaluate(50), "20");
  EXPECT_EQ(Evaluate(50), "20");
  EXPECT_EQ(Evaluate(50), "1 19");
  EXPECT_EQ(Evaluate(50), "1 19") << "the turn that the batch cut goes on";
}

TEST_F(BatchTurnsTest, NewTaskGoesBeforeThoseThatHaveHadATurn) {
  LearnPace(50);
  Push(90);
  Push(90);
  EXPECT_EQ(Evaluate(50), "20");
  Push(1);
  EXPECT_EQ(Evaluate(50), "20") << "the second one's first turn";
  EXPECT_EQ(Evaluate(50), "1 19");
  Push(2);
  EXPECT_EQ(Evaluate(50), "2 1 17") << "it overtakes a turn that the batch cut, too";
}

TEST_F(BatchTurnsTest, WhenAFullBatchHasOvertakenALargeTaskItHasATurn) {
  LearnPace(50);
  Push(200);
  EXPECT_EQ(Evaluate(50), "20");
  for (const int64_t rows : {19, 18, 20, 20, 20, 3, 7}) Push(rows);
  EXPECT_EQ(Evaluate(50), "19 18 20 20 20 3");
  EXPECT_EQ(Evaluate(50), "20") << "the large one";
  EXPECT_EQ(Evaluate(50), "7 13");
}

TEST_F(BatchTurnsTest, FewNewRowsAlwaysOvertakeALargeTaskThatGoesOn) {
  LearnPace(50);
  Push(5000);
  EXPECT_EQ(Evaluate(50), "20");
  for (int i = 0; i < 200; ++i) {
    Push(1);
    EXPECT_EQ(Evaluate(50), "1 19");
  }
}

TEST_F(BatchTurnsTest, SmallTasksAloneShareFullBatchesHoweverLongTheyTake) {
  LearnPace(50);
  for (int i = 0; i < 6; ++i) Push(20);
  EXPECT_EQ(Evaluate(50), "20 20 20 20 20");
  EXPECT_EQ(Evaluate(50), "20");
}

TEST_F(BatchTurnsTest, BatchWithManySmallTasksEndsBeforeALargeOne) {
  LearnPace(50);
  for (const int64_t rows : {15, 15, 21, 15}) Push(rows);
  EXPECT_EQ(Evaluate(50), "15 15");
  EXPECT_EQ(Evaluate(50), "20");
  EXPECT_EQ(Evaluate(50), "15 1");
}

TEST_F(BatchTurnsTest, TurnsCountBatchesTimesNotThePaceOfDepartures) {
  Push(300);
  Batch first, second;
  BatchQueue::Complete(queue_.Take(AtMicrosecond(0), first));
  BatchQueue::Complete(queue_.Take(AtMicrosecond(0), second));
  // Two evaluators, each at 20 microseconds a row: together twice as fast.
  BatchQueue::Complete(queue_.Return(AtMicrosecond(2000), first));
  BatchQueue::Complete(queue_.Return(AtMicrosecond(2000), second));
  EXPECT_EQ(queue_.pace().TimeFor(100), std::chrono::nanoseconds(933'333));
  now_ = 2000;
  Push(200);
  EXPECT_EQ(Evaluate(20), "40");
}

}  // namespace
}  // namespace mdn

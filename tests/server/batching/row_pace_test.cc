#include "server/batching/row_pace.h"

#include "gtest/gtest.h"

namespace mdn {
namespace {

using std::chrono::nanoseconds;

TEST(RowPaceTest, KnowsNothingBeforeTheFirstBatch) {
  EXPECT_EQ(RowPace().TimeFor(1), std::nullopt);
}

TEST(RowPaceTest, RowsTakeWhatTheyTookBefore) {
  RowPace pace;
  pace.Record(4, nanoseconds(400));
  EXPECT_EQ(pace.TimeFor(10), nanoseconds(1000));
  EXPECT_EQ(pace.TimeFor(0), nanoseconds(0));
}

TEST(RowPaceTest, TellsHowManyRowsATimeSufficesFor) {
  RowPace pace;
  EXPECT_EQ(pace.RowsWithin(nanoseconds(1), 512), 512);
  pace.Record(4, nanoseconds(400));
  EXPECT_EQ(pace.RowsWithin(nanoseconds(1099), 512), 10);
  EXPECT_EQ(pace.RowsWithin(nanoseconds(99), 512), 0);
  EXPECT_EQ(pace.RowsWithin(nanoseconds::max(), 512), 512);
}

TEST(RowPaceTest, AnyNumberOfRowsThatTakeNoTimeIsWithinATime) {
  RowPace pace;
  pace.Record(4, nanoseconds(0));
  EXPECT_EQ(pace.RowsWithin(nanoseconds(1), 512), 512);
}

TEST(RowPaceTest, BatchesCountByTheirRows) {
  RowPace pace;
  pace.Record(1, nanoseconds(800));
  pace.Record(699, nanoseconds(70'000 - 700));
  EXPECT_NEAR(static_cast<double>(pace.TimeFor(1000)->count()), 100'000, 100);
}

TEST(RowPaceTest, OnePauseIsNoPace) {
  RowPace pace;
  for (int i = 0; i < 100; ++i) pace.Record(1, nanoseconds(1'000));
  pace.Record(1, std::chrono::milliseconds(5));
  EXPECT_NEAR(static_cast<double>(pace.TimeFor(1000)->count()), 1'125'000, 1'000);
}

TEST(RowPaceTest, WhatStaysSlowIsKnownAfterSomeBatches) {
  RowPace pace;
  for (int i = 0; i < 100; ++i) pace.Record(1, nanoseconds(1'000));
  int batches = 0;
  for (; pace.TimeFor(1) < nanoseconds(90'000); ++batches) pace.Record(1, nanoseconds(100'000));
  EXPECT_LT(batches, 60);
}

TEST(RowPaceTest, ForgetsHowItWas) {
  RowPace pace;
  for (int i = 0; i < 100; ++i) pace.Record(8, nanoseconds(80'000));
  pace.Record(8, nanoseconds(800));
  EXPECT_GT(pace.TimeFor(1), nanoseconds(8'000));
  for (int i = 0; i < 100; ++i) pace.Record(8, nanoseconds(800));
  EXPECT_NEAR(static_cast<double>(pace.TimeFor(1000)->count()), 100'000, 100);
}

}  // namespace
}  // namespace mdn

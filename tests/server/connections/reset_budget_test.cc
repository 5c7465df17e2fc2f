#include "server/connections/reset_budget.h"

#include <gtest/gtest.h>

namespace mdn {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class ResetBudgetTest : public testing::Test {
 protected:
  const ResetBudget::Time begin_ = std::chrono::steady_clock::now();
};

TEST_F(ResetBudgetTest, BearsAsManyAsItHolds) {
  ResetBudget budget(begin_);
  EXPECT_TRUE(budget.Bears(0, 4096, begin_));
  EXPECT_FALSE(budget.Bears(0, 4097, begin_));
}

TEST_F(ResetBudgetTest, BearsFiveHundredASecond) {
  ResetBudget budget(begin_);
  EXPECT_TRUE(budget.Bears(0, 4096, begin_));
  EXPECT_TRUE(budget.Bears(0, 4596, begin_ + seconds(1)));
  EXPECT_FALSE(budget.Bears(0, 5000, begin_ + milliseconds(1500)));
}

TEST_F(ResetBudgetTest, HoldsNoMoreAfterATimeWithoutAny) {
  ResetBudget budget(begin_);
  EXPECT_TRUE(budget.Bears(0, 0, begin_ + seconds(5)));
  EXPECT_FALSE(budget.Bears(0, 4097, begin_ + seconds(5)));
}

TEST_F(ResetBudgetTest, KnowsWhatIsLeft) {
  ResetBudget budget(begin_);
  EXPECT_EQ(budget.left(), 4096);
  budget.Bears(10, 1010, begin_);
  EXPECT_EQ(budget.left(), 3096);
  budget.Bears(10, 1010, begin_ + seconds(1));
  EXPECT_EQ(budget.left(), 3596);
  budget.Bears(10, 10'000, begin_ + seconds(1));
  EXPECT_EQ(budget.left(), 0);
}

TEST_F(ResetBudgetTest, WhatIsCountedAfterARestIsBorneByWhatWasLeft) {
  ResetBudget budget(begin_);
  budget.Rest(begin_ + seconds(60));
  EXPECT_TRUE(budget.Bears(0, 4096, begin_ + seconds(60)));
  budget.Rest(begin_ + seconds(62));
  EXPECT_EQ(budget.left(), 1000);
  EXPECT_FALSE(budget.Bears(0, 5097, begin_ + seconds(62)));
}

TEST_F(ResetBudgetTest, BearsOneMoreForEachThatIsAnswered) {
  ResetBudget budget(begin_);
  // A client that hedges every call.
  for (int look = 1; look <= 100; ++look) {
    EXPECT_TRUE(budget.Bears(1000 * look, 1000 * look, begin_ + milliseconds(look)));
  }
}

TEST_F(ResetBudgetTest, CallsUnderWayCountOnlyUntilTheyAreAnswered) {
  ResetBudget budget(begin_);
  for (int round = 0; round < 100; ++round) {
    EXPECT_TRUE(budget.Bears(1024 * round, 1024, begin_));
    EXPECT_TRUE(budget.Bears(1024 * (round + 1), 0, begin_));
  }
}

}  // namespace
}  // namespace mdn

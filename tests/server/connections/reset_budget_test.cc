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
  ResetBudget budget(0, 0, begin_);
  EXPECT_TRUE(budget.Bears(0, 4096, begin_));
  EXPECT_FALSE(budget.Bears(0, 4097, begin_));
}

TEST_F(ResetBudgetTest, WhatCameBeforeTheFirstLookIsNotHeldAgainstThePeer) {
  ResetBudget budget(10, 1'000'000, begin_);
  EXPECT_TRUE(budget.Bears(10, 1'004'096, begin_));
}

TEST_F(ResetBudgetTest, BearsFiveHundredASecond) {
  ResetBudget budget(0, 0, begin_);
  EXPECT_TRUE(budget.Bears(0, 4096, begin_));
  EXPECT_TRUE(budget.Bears(0, 4596, begin_ + seconds(1)));
  EXPECT_FALSE(budget.Bears(0, 5000, begin_ + milliseconds(1500)));
}

TEST_F(ResetBudgetTest, HoldsNoMoreAfterATimeWithoutAny) {
  ResetBudget budget(0, 0, begin_);
  EXPECT_TRUE(budget.Bears(0, 0, begin_ + seconds(5)));
  EXPECT_FALSE(budget.Bears(0, 4097, begin_ + seconds(5)));
}

TEST_F(ResetBudgetTest, BeginsAnewWhereNobodyHasLookedForLong) {
  ResetBudget budget(0, 0, begin_);
  EXPECT_TRUE(budget.Bears(0, 1'000'000, begin_ + seconds(31)));
  EXPECT_FALSE(budget.Bears(0, 1'004'097, begin_ + seconds(31)));
}

TEST_F(ResetBudgetTest, BearsOneMoreForEachThatIsAnswered) {
  ResetBudget budget(0, 0, begin_);
  // A client that hedges every call.
  for (int look = 1; look <= 100; ++look) {
    EXPECT_TRUE(budget.Bears(1000 * look, 1000 * look, begin_ + milliseconds(look)));
  }
}

TEST_F(ResetBudgetTest, CallsUnderWayCountOnlyUntilTheyAreAnswered) {
  ResetBudget budget(0, 0, begin_);
  for (int round = 0; round < 100; ++round) {
    EXPECT_TRUE(budget.Bears(1024 * round, 1024, begin_));
    EXPECT_TRUE(budget.Bears(1024 * (round + 1), 0, begin_));
  }
}

}  // namespace
}  // namespace mdn

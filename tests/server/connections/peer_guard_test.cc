#include "server/connections/peer_guard.h"

#include <gtest/gtest.h>

namespace mdn {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(PeerGuardTest, LooksTenTimesASecondWhereThatCostsLittle) {
  EXPECT_EQ(PeerGuard::PauseAfter(microseconds(0)), milliseconds(100));
  EXPECT_EQ(PeerGuard::PauseAfter(microseconds(250)), milliseconds(100));
}

TEST(PeerGuardTest, TakesAFourHundredthOfAProcessor) {
  EXPECT_EQ(PeerGuard::PauseAfter(milliseconds(1)), milliseconds(399));
}

TEST(PeerGuardTest, LooksEveryTwoSecondsAtLeast) {
  EXPECT_EQ(PeerGuard::PauseAfter(seconds(1)), seconds(2));
}

}  // namespace
}  // namespace mdn

#include "model/mixture/philox.h"

#include <gtest/gtest.h>

namespace mdn {
namespace {

// The known answers published with Random123.

TEST(PhiloxTest, GivesTheKnownAnswerForZeros) {
  constexpr PhiloxCounter kAnswer = {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8};
  EXPECT_EQ(Philox({0, 0, 0, 0}, {0, 0}), kAnswer);
}

TEST(PhiloxTest, GivesTheKnownAnswerForOnes) {
  constexpr uint32_t kOnes = 0xffffffff;
  constexpr PhiloxCounter kAnswer = {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd};
  EXPECT_EQ(Philox({kOnes, kOnes, kOnes, kOnes}, {kOnes, kOnes}), kAnswer);
}

TEST(PhiloxTest, GivesTheKnownAnswerForTheDigitsOfPi) {
  constexpr PhiloxCounter kCounter = {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344};
  constexpr PhiloxKey kKey = {0xa4093822, 0x299f31d0};
  constexpr PhiloxCounter kAnswer = {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1};
  EXPECT_EQ(Philox(kCounter, kKey), kAnswer);
}

TEST(PhiloxTest, IsAConstantExpression) {
  constexpr PhiloxCounter kBits = Philox({1, 2, 3, 4}, {5, 6});
  EXPECT_EQ(kBits, Philox({1, 2, 3, 4}, {5, 6}));
}

}  // namespace
}  // namespace mdn

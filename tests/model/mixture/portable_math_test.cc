#include "model/mixture/portable_math.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

namespace mdn {
namespace {

// In units in the last place of a double near `expected`.
double UnitsApart(double actual, long double expected) {
  const double unit = std::ldexp(1.0, std::ilogb(static_cast<double>(expected)) - 52);
  return static_cast<double>(std::fabs(actual - expected)) / unit;
}

TEST(PortableMathTest, LogIsWithinFourUnitsOfTheExactOne) {
  double worst = 0;
  for (uint64_t i = 0; i < 100000; ++i) {
    const double u = (static_cast<double>(i * 42949 + i) + 0.5) * 0x1p-32;
    worst = std::max(worst, UnitsApart(PortableLog(u), std::log(static_cast<long double>(u))));
  }
  EXPECT_LE(worst, 4);
}

TEST(PortableMathTest, LogKeepsItsAccuracyNextToOne) {
  const double u = 1 - 0x1p-33;
  EXPECT_LE(UnitsApart(PortableLog(u), std::log(static_cast<long double>(u))), 4);
  EXPECT_EQ(PortableLog(1), 0);
}

TEST(PortableMathTest, ExpIsWithinFourUnitsOfTheExactOne) {
  double worst = 0;
  for (int i = 0; i <= 100000; ++i) {
    const double x = -708 * (i / 100000.0);
    worst = std::max(worst, UnitsApart(PortableExp(x), std::exp(static_cast<long double>(x))));
  }
  EXPECT_LE(worst, 4);
}

TEST(PortableMathTest, ExpOfZeroIsExactlyOne) { EXPECT_EQ(PortableExp(0), 1); }

TEST(PortableMathTest, ExpIsZeroBelowItsRangeAndForNan) {
  EXPECT_EQ(PortableExp(-708.0001), 0);
  EXPECT_EQ(PortableExp(-std::numeric_limits<double>::infinity()), 0);
  EXPECT_EQ(PortableExp(std::numeric_limits<double>::quiet_NaN()), 0);
}

TEST(PortableMathTest, CosineAndSineAreWithinFourUnitsOfTheExactOnes) {
  constexpr long double kPi = 3.141592653589793238462643383279502884L;
  double worst = 0;
  for (uint64_t i = 0; i < 100000; ++i) {
    const auto bits = static_cast<uint32_t>(i * 42949 + i);
    const long double angle = 2 * kPi * (bits + 0.5L) / 4294967296.0L;
    const CosineSine actual = PortableCosineSine(bits);
    // Near the zeros the reference's own argument, rounded to long double, limits it.
    if (std::fabs(std::cos(angle)) > 1e-3L) {
      worst = std::max(worst, UnitsApart(actual.cosine, std::cos(angle)));
    }
    if (std::fabs(std::sin(angle)) > 1e-3L) {
      worst = std::max(worst, UnitsApart(actual.sine, std::sin(angle)));
    }
  }
  EXPECT_LE(worst, 4);
}

TEST(PortableMathTest, CosineAndSineKeepTheSignsOfEveryQuarter) {
  const CosineSine first = PortableCosineSine(0x20000000);
  const CosineSine second = PortableCosineSine(0x60000000);
  const CosineSine third = PortableCosineSine(0xa0000000);
  const CosineSine fourth = PortableCosineSine(0xe0000000);
  EXPECT_TRUE(first.cosine > 0 && first.sine > 0);
  EXPECT_TRUE(second.cosine < 0 && second.sine > 0);
  EXPECT_TRUE(third.cosine < 0 && third.sine < 0);
  EXPECT_TRUE(fourth.cosine > 0 && fourth.sine < 0);
}

TEST(PortableMathTest, CosineAndSineAreSmallNextToTheirZeros) {
  const double half_step = 2 * std::acos(-1.0) * 0.5 / 4294967296.0;
  EXPECT_NEAR(PortableCosineSine(0).sine / half_step, 1, 1e-14);
  EXPECT_NEAR(PortableCosineSine(0xffffffff).sine / half_step, -1, 1e-14);
  EXPECT_NEAR(PortableCosineSine(0x40000000).cosine / half_step, -1, 1e-14);
  EXPECT_NEAR(PortableCosineSine(0xc0000000).cosine / half_step, 1, 1e-14);
}

}  // namespace
}  // namespace mdn

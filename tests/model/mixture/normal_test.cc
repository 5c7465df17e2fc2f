#include "model/mixture/normal.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "model/mixture/philox.h"
#include "tests/support/statistics.h"

namespace mdn {
namespace {

constexpr int64_t kDraws = 1'000'000;

std::vector<double> Normals(int64_t count) {
  std::vector<double> normals;
  normals.reserve(count);
  for (uint32_t i = 0; normals.size() < count; ++i) {
    const PhiloxCounter bits = Philox({i, 0, 0, 0}, {20240607, 0});
    for (const NormalPair& pair : {BoxMuller(bits[0], bits[1]), BoxMuller(bits[2], bits[3])}) {
      normals.push_back(pair.first);
      normals.push_back(pair.second);
    }
  }
  return normals;
}

double Moment(const std::vector<double>& values, int power) {
  double sum = 0;
  for (const double value : values) sum += std::pow(value, power);
  return sum / values.size();
}

TEST(BoxMullerTest, AgreesWithTheCLibrary) {
  double worst = 0;
  for (uint32_t i = 0; i < 200000; ++i) {
    const PhiloxCounter bits = Philox({i, 0, 0, 0}, {1, 0});
    const double radius = std::sqrt(-2 * std::log((bits[0] + 0.5) * 0x1p-32));
    const double angle = 2 * std::acos(-1.0) * ((bits[1] + 0.5) * 0x1p-32);
    const NormalPair pair = BoxMuller(bits[0], bits[1]);
    worst = std::max({worst, std::fabs(pair.first - radius * std::cos(angle)),
                      std::fabs(pair.second - radius * std::sin(angle))});
  }
  EXPECT_LT(worst, 1e-14);
}

TEST(BoxMullerTest, IsFiniteAtTheEndsOfItsRange) {
  const double longest = std::sqrt(66 * std::log(2.0));
  EXPECT_NEAR(std::hypot(BoxMuller(0, 0).first, BoxMuller(0, 0).second), longest, 1e-12);
  const double shortest = std::sqrt(2 * 0x1p-33);
  const NormalPair last = BoxMuller(0xffffffff, 0xffffffff);
  EXPECT_NEAR(std::hypot(last.first, last.second) / shortest, 1, 1e-9);
}

// Known values, so that a change of a bit is seen on whatever machine runs this.
TEST(BoxMullerTest, KeepsItsBits) {
  EXPECT_EQ(BoxMuller(0, 0).first, 0x1.b0e08d9986a8dp+2);
  EXPECT_EQ(BoxMuller(0x243f6a88, 0x85a308d3).first, -0x1.f5584b838650fp+0);
  EXPECT_EQ(BoxMuller(0x243f6a88, 0x85a308d3).second, -0x1.1739f88dc8383p-2);
  EXPECT_EQ(BoxMuller(0xdeadbeef, 0x13198a2e).first, 0x1.e270d6c55728cp-2);
  EXPECT_EQ(BoxMuller(0xffffffff, 0xffffffff).second, -0x1.921fb54475157p-47);
}

TEST(BoxMullerTest, HasTheMomentsOfTheNormalDistribution) {
  const std::vector<double> normals = Normals(kDraws);
  const double root = std::sqrt(static_cast<double>(kDraws));
  // Five standard errors: the variances of z, z^2, z^3 and z^4 are 1, 2, 15 and 96.
  EXPECT_NEAR(Moment(normals, 1), 0, 5 * std::sqrt(1.0) / root);
  EXPECT_NEAR(Moment(normals, 2), 1, 5 * std::sqrt(2.0) / root);
  EXPECT_NEAR(Moment(normals, 3), 0, 5 * std::sqrt(15.0) / root);
  EXPECT_NEAR(Moment(normals, 4), 3, 5 * std::sqrt(96.0) / root);
}

TEST(BoxMullerTest, FollowsTheNormalDistribution) {
  EXPECT_LT(KolmogorovSmirnovDistance(Normals(kDraws), NormalCdf),
            KolmogorovSmirnovBound(kDraws, 1e-4));
}

TEST(BoxMullerTest, ReachesBeyondFourSigmaAsOftenAsItShould) {
  const std::vector<double> normals = Normals(kDraws);
  const auto beyond =
      std::count_if(normals.begin(), normals.end(), [](double z) { return std::fabs(z) > 4; });
  const double expected = kDraws * 2 * NormalCdf(-4);
  EXPECT_NEAR(beyond, expected, 5 * std::sqrt(expected));
}

TEST(BoxMullerTest, PairsAreUncorrelatedInValueAndInSquare) {
  const std::vector<double> normals = Normals(kDraws);
  double product = 0;
  double square_product = 0;
  for (size_t i = 0; i < normals.size(); i += 2) {
    product += normals[i] * normals[i + 1];
    square_product += (normals[i] * normals[i] - 1) * (normals[i + 1] * normals[i + 1] - 1);
  }
  const double pairs = kDraws / 2.0;
  EXPECT_NEAR(product / pairs, 0, 5 / std::sqrt(pairs));
  EXPECT_NEAR(square_product / pairs, 0, 5 * 2 / std::sqrt(pairs));
}

}  // namespace
}  // namespace mdn

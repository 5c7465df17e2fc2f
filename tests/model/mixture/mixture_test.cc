#include "model/mixture/mixture.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <numeric>
#include <vector>

namespace mdn {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr MixtureShape kDiagonal = {2, 3, false};
constexpr MixtureShape kFull = {2, 3, true};

Mixture Zeros(const MixtureShape& shape, int64_t rows) {
  Mixture mixture;
  mixture.Resize(shape, rows);
  return mixture;
}

TEST(MixtureTest, ResizeGivesEveryArrayItsShape) {
  const Mixture mixture = Zeros(kFull, 5);
  EXPECT_EQ(mixture.rows, 5);
  EXPECT_THAT(mixture.log_pi, SizeIs(5 * 2));
  EXPECT_THAT(mixture.mu, SizeIs(5 * 2 * 3));
  EXPECT_THAT(mixture.sigma, SizeIs(5 * 2 * 3));
  EXPECT_THAT(mixture.log_scale, SizeIs(5 * 2 * 3));
  EXPECT_THAT(mixture.scale_tril, SizeIs(5 * 2 * 3 * 3));
}

TEST(MixtureTest, HasNoTriangleUnlessTheCovarianceIsFull) {
  Mixture mixture = Zeros(kFull, 5);
  mixture.Resize(kDiagonal, 5);
  EXPECT_THAT(mixture.scale_tril, IsEmpty());
  EXPECT_THAT(mixture.Row(4).scale_tril, IsEmpty());
}

TEST(MixtureTest, KeepsItsMemoryWhenItShrinksAndGrowsAgain) {
  Mixture mixture = Zeros(kFull, 100);
  const float* mu = mixture.mu.data();
  mixture.Resize(kFull, 1);
  mixture.Resize(kFull, 100);
  EXPECT_EQ(mixture.mu.data(), mu);
}

TEST(MixtureTest, RowIsAViewOfThatRowAlone) {
  Mixture mixture = Zeros({2, 1, true}, 3);
  std::iota(mixture.log_pi.begin(), mixture.log_pi.end(), 0.0f);
  std::iota(mixture.mu.begin(), mixture.mu.end(), 10.0f);
  std::iota(mixture.sigma.begin(), mixture.sigma.end(), 20.0f);
  std::iota(mixture.log_scale.begin(), mixture.log_scale.end(), 30.0f);
  std::iota(mixture.scale_tril.begin(), mixture.scale_tril.end(), 40.0f);
  const MixtureRow row = mixture.Row(2);
  EXPECT_EQ(row.shape.components, 2);
  EXPECT_THAT(row.log_pi, ElementsAre(4, 5));
  EXPECT_THAT(row.mu, ElementsAre(14, 15));
  EXPECT_THAT(row.sigma, ElementsAre(24, 25));
  EXPECT_THAT(row.log_scale, ElementsAre(34, 35));
  EXPECT_THAT(row.scale_tril, ElementsAre(44, 45));
}

TEST(FirstNonFiniteRowTest, IsMinusOneForFiniteNumbers) {
  Mixture mixture = Zeros(kFull, 3);
  mixture.mu[0] = std::numeric_limits<float>::max();
  mixture.sigma[0] = std::numeric_limits<float>::denorm_min();
  EXPECT_EQ(mixture.FirstNonFiniteRow(0, 3), -1);
}

TEST(FirstNonFiniteRowTest, FindsEveryNonFiniteNumberInEveryPlaceOfEveryArray) {
  for (std::vector<float> Mixture::*array : {&Mixture::log_pi, &Mixture::mu, &Mixture::sigma,
                                             &Mixture::log_scale, &Mixture::scale_tril}) {
    Mixture mixture = Zeros(kFull, 3);
    std::vector<float>& values = mixture.*array;
    for (size_t i = 0; i < values.size(); ++i) {
      for (const float bad : {kInfinity, kNan, -kNan}) {
        values[i] = bad;
        EXPECT_EQ(mixture.FirstNonFiniteRow(0, 3), i / (values.size() / 3));
      }
      values[i] = 0;
    }
  }
}

TEST(FirstNonFiniteRowTest, FindsMinusInfinityEverywhereButInLogPi) {
  for (std::vector<float> Mixture::*array :
       {&Mixture::mu, &Mixture::sigma, &Mixture::log_scale, &Mixture::scale_tril}) {
    Mixture mixture = Zeros(kFull, 1);
    (mixture.*array)[0] = -kInfinity;
    EXPECT_EQ(mixture.FirstNonFiniteRow(0, 1), 0);
  }
}

TEST(FirstNonFiniteRowTest, AcceptsComponentsWithoutWeightButNotARowOfThem) {
  Mixture mixture = Zeros(kDiagonal, 2);
  mixture.log_pi = {-kInfinity, 0, 0, -kInfinity};
  EXPECT_EQ(mixture.FirstNonFiniteRow(0, 2), -1);
  mixture.log_pi = {-kInfinity, 0, -kInfinity, -kInfinity};
  EXPECT_EQ(mixture.FirstNonFiniteRow(0, 2), 1);
}

TEST(FirstNonFiniteRowTest, LooksOnlyWhereItIsAsked) {
  Mixture mixture = Zeros(kDiagonal, 4);
  mixture.mu[0] = kNan;
  mixture.mu.back() = kNan;
  EXPECT_EQ(mixture.FirstNonFiniteRow(1, 3), -1);
  EXPECT_EQ(mixture.FirstNonFiniteRow(1, 4), 3);
  EXPECT_EQ(mixture.FirstNonFiniteRow(0, 0), -1);
}

}  // namespace
}  // namespace mdn

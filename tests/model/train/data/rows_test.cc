#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <vector>

#include "model/train/data/random_stream.h"
#include "model/train/data/split.h"
#include "model/train/data/standardisation.h"
#include "tests/support/statistics.h"

namespace mdn {
namespace {

using ::testing::ElementsAre;

/// Rows whose x are 0, 1, 2, …, and y twice that and its negative.
Dataset Counting(int64_t rows) {
  Dataset data;
  data.x_names = {"x"};
  data.y_names = {"y0", "y1"};
  data.rows = rows;
  for (int64_t row = 0; row < rows; ++row) {
    data.x.push_back(row);
    data.y.push_back(2 * row);
    data.y.push_back(-row);
  }
  return data;
}

TEST(SplitRowsTest, DealsEachRowToOneSideWithItsY) {
  const Split split = SplitRows(Counting(100), 0.2, 1);
  EXPECT_EQ(split.train.rows, 80);
  EXPECT_EQ(split.validation.rows, 20);
  std::set<float> seen;
  for (const Dataset* side : {&split.train, &split.validation}) {
    for (int64_t row = 0; row < side->rows; ++row) {
      seen.insert(side->x[row]);
      EXPECT_EQ(side->y[2 * row], 2 * side->x[row]);
      EXPECT_EQ(side->y[2 * row + 1], -side->x[row]);
    }
  }
  EXPECT_EQ(seen.size(), 100);
}

TEST(SplitRowsTest, FollowsTheSeedAlone) {
  EXPECT_EQ(SplitRows(Counting(50), 0.3, 1).validation.x,
            SplitRows(Counting(50), 0.3, 1).validation.x);
  EXPECT_NE(SplitRows(Counting(50), 0.3, 1).validation.x,
            SplitRows(Counting(50), 0.3, 2).validation.x);
}

TEST(SplitRowsTest, LeavesNeitherSideEmptyUnlessAsked) {
  EXPECT_EQ(SplitRows(Counting(2), 0.01, 1).validation.rows, 1);
  EXPECT_EQ(SplitRows(Counting(2), 0.99, 1).train.rows, 1);
  EXPECT_EQ(SplitRows(Counting(2), 0, 1).validation.rows, 0);
}

TEST(PermutationTest, HoldsEveryNumberOnce) {
  std::vector<int64_t> order = Permutation(1000, 5, 7);
  EXPECT_FALSE(std::is_sorted(order.begin(), order.end()));
  std::sort(order.begin(), order.end());
  for (int64_t i = 0; i < 1000; ++i) ASSERT_EQ(order[i], i);
  EXPECT_NE(Permutation(1000, 5, 8), Permutation(1000, 5, 7));
  EXPECT_TRUE(Permutation(0, 5, 7).empty());
}

TEST(PermutationTest, GivesEveryOrderTheSameChance) {
  constexpr int kDraws = 60000;
  std::vector<int64_t> counts(6);
  for (int draw = 0; draw < kDraws; ++draw) {
    const std::vector<int64_t> order = Permutation(3, 1, draw);
    ++counts[order[0] * 2 + (order[1] > order[2] ? 1 : 0)];
  }
  EXPECT_LT(ChiSquareDistance(counts, std::vector<double>(6, 1.0 / 6)), ChiSquareBound(5, 1e-6));
}

// So that a seed means the same data and weights in every build.
TEST(RandomStreamTest, NeverChanges) {
  RandomStream random(1, 2);
  EXPECT_EQ(random.Bits(), RandomStream(1, 2).Bits());
  RandomStream first(0, 0);
  // The published vector of Philox 4x32-10 for counter 0 and key 0: 6627e8d5 e169c58d bc57ac4c
  // 9b00dbd8.
  EXPECT_EQ(first.Bits(), 0x6627e8d5e169c58dU);
  EXPECT_EQ(first.Bits(), 0xbc57ac4c9b00dbd8U);
}

TEST(RandomStreamTest, IsUniformAndNormal) {
  constexpr int kDraws = 100000;
  RandomStream random(3, 0);
  std::vector<double> uniform(kDraws), normal(kDraws);
  for (double& draw : uniform) draw = random.Uniform();
  for (double& draw : normal) draw = random.Normal();
  const double bound = KolmogorovSmirnovBound(kDraws, 1e-6);
  EXPECT_LT(KolmogorovSmirnovDistance(uniform, [](double u) { return u; }), bound);
  EXPECT_LT(KolmogorovSmirnovDistance(normal, NormalCdf), bound);
}

TEST(StandardisationTest, MeasuresMeansAndDeviations) {
  const Standardisation measured = MeasureStandardisation(Counting(5));
  EXPECT_THAT(measured.x_shift, ElementsAre(2));
  EXPECT_THAT(measured.y_shift, ElementsAre(4, -2));
  EXPECT_DOUBLE_EQ(measured.x_scale[0], std::sqrt(2.0));
  EXPECT_DOUBLE_EQ(measured.y_scale[0], 2 * std::sqrt(2.0));
}

TEST(StandardisationTest, ChangesUnitsInPlace) {
  Dataset data = Counting(5);
  Standardise({{2}, {2}, {4, -2}, {4, 2}}, data);
  EXPECT_THAT(data.x, ElementsAre(-1, -0.5, 0, 0.5, 1));
  EXPECT_THAT(data.y, ElementsAre(-1, 1, -0.5, 0.5, 0, 0, 0.5, -0.5, 1, -1));
}

TEST(StandardisationTest, KeepsPrecisionFarFromZero) {
  Dataset data = Counting(4);
  for (float& x : data.x) x += 1'000'000;
  const Standardisation measured = MeasureStandardisation(data);
  EXPECT_DOUBLE_EQ(measured.x_scale[0], std::sqrt(1.25));
}

TEST(StandardisationTest, LeavesConstantColumnsTheirScale) {
  Dataset data = Counting(3);
  std::fill(data.x.begin(), data.x.end(), 7.0f);
  const Standardisation measured = MeasureStandardisation(data);
  EXPECT_THAT(measured.x_scale, ElementsAre(1));
  Standardise(measured, data);
  EXPECT_THAT(data.x, ElementsAre(0, 0, 0));
}

}  // namespace
}  // namespace mdn

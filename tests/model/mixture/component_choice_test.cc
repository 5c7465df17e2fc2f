#include "model/mixture/component_choice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

namespace mdn {
namespace {

using ::testing::DoubleNear;
using ::testing::ElementsAre;
using ::testing::Pointwise;

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr double kHighestUniform = 1 - 0x1p-53;

std::vector<double> Cumulative(const std::vector<float>& log_pi, float temperature = 1) {
  std::vector<double> cumulative(log_pi.size());
  CumulativeWeights(log_pi, temperature, absl::MakeSpan(cumulative));
  return cumulative;
}

std::vector<double> ExpectedCumulative(const std::vector<float>& log_pi, double temperature) {
  std::vector<double> cumulative;
  double total = 0;
  for (const double value : log_pi) {
    total += std::exp(value / temperature);
    cumulative.push_back(total);
  }
  for (double& sum : cumulative) sum /= total;
  return cumulative;
}

TEST(CumulativeWeightsTest, AreTheSumsOfTheTemperedSoftmax) {
  const std::vector<float> log_pi = {-0.5f, -3.25f, -1.75f, -20.0f, -2.5f};
  for (const float temperature : {0.25f, 0.5f, 1.0f, 3.0f}) {
    EXPECT_THAT(Cumulative(log_pi, temperature),
                Pointwise(DoubleNear(1e-15), ExpectedCumulative(log_pi, temperature)));
  }
}

TEST(CumulativeWeightsTest, EndInExactlyOne) {
  for (int components = 1; components <= 200; ++components) {
    const std::vector<float> log_pi(components, -std::log(static_cast<float>(components)));
    EXPECT_EQ(Cumulative(log_pi).back(), 1) << components << " components";
  }
}

TEST(CumulativeWeightsTest, DoNotNeedNormalisedWeights) {
  EXPECT_EQ(Cumulative({-1, -2, -3}), Cumulative({999, 998, 997}));
}

TEST(CumulativeWeightsTest, GiveNoWeightToMinusInfinityAtAnyTemperature) {
  for (const float temperature : {1e-30f, 1.0f, 1e30f}) {
    EXPECT_THAT(Cumulative({-kInfinity, 0, -kInfinity}, temperature), ElementsAre(0, 1, 1));
  }
}

TEST(CumulativeWeightsTest, AtTemperatureZeroGiveAllToTheFirstOfTheHeaviest) {
  EXPECT_THAT(Cumulative({-2, -1, -1, -3}, 0), ElementsAre(0, 1, 1, 1));
}

TEST(CumulativeWeightsTest, AtTheSmallestTemperatureShareAmongTheHeaviest) {
  constexpr float kSmallest = std::numeric_limits<float>::denorm_min();
  EXPECT_THAT(Cumulative({-2, -1, -1, -3}, kSmallest), ElementsAre(0, 0.5, 1, 1));
}

TEST(CumulativeWeightsTest, AtTheLargestTemperatureAreEven) {
  constexpr float kLargest = std::numeric_limits<float>::max();
  EXPECT_THAT(Cumulative({-2, -90, -1, -3}, kLargest), ElementsAre(0.25, 0.5, 0.75, 1));
}

TEST(ChooseComponentTest, TakesTheIntervalThatHoldsTheNumber) {
  const std::vector<double> cumulative = {0.25, 0.5, 1};
  EXPECT_EQ(ChooseComponent(cumulative, 0), 0);
  EXPECT_EQ(ChooseComponent(cumulative, 0.2499), 0);
  EXPECT_EQ(ChooseComponent(cumulative, 0.25), 1);
  EXPECT_EQ(ChooseComponent(cumulative, 0.5), 2);
  EXPECT_EQ(ChooseComponent(cumulative, kHighestUniform), 2);
}

TEST(ChooseComponentTest, NeverTakesAFirstComponentWithoutWeight) {
  EXPECT_EQ(ChooseComponent(Cumulative({-kInfinity, -kInfinity, 0, 0}), 0), 2);
  EXPECT_EQ(ChooseComponent(Cumulative({-2000, 0}), 0), 1);
}

TEST(ChooseComponentTest, NeverTakesALastComponentWithoutWeight) {
  EXPECT_EQ(ChooseComponent(Cumulative({0, 0, -kInfinity, -kInfinity}), kHighestUniform), 1);
  EXPECT_EQ(ChooseComponent(Cumulative({0, -2000}), kHighestUniform), 0);
}

TEST(ChooseComponentTest, NeverTakesAComponentWithoutWeightInTheMiddle) {
  const std::vector<double> cumulative = Cumulative({0, -kInfinity, 0});
  EXPECT_EQ(ChooseComponent(cumulative, std::nextafter(0.5, 0)), 0);
  EXPECT_EQ(ChooseComponent(cumulative, 0.5), 2);
}

// float32 sums of equal weights that end below 1: a search for a number between finds no interval.
TEST(ChooseComponentTest, StaysInRangeWhereRoundingLeftTheSumBelowOne) {
  int sums_below_one = 0;
  for (int components = 2; components <= 100; ++components) {
    std::vector<double> cumulative(components);
    float sum = 0;
    for (double& value : cumulative) value = sum += 1.0f / components;
    cumulative.push_back(sum);
    if (sum >= 1) continue;
    ++sums_below_one;
    EXPECT_EQ(ChooseComponent(cumulative, kHighestUniform), components - 1);
  }
  EXPECT_GT(sums_below_one, 10);
}

TEST(ChooseComponentTest, TakesTheHeaviestAtTemperatureZero) {
  const std::vector<double> cumulative = Cumulative({-2, -1, -1}, 0);
  EXPECT_EQ(ChooseComponent(cumulative, 0), 1);
  EXPECT_EQ(ChooseComponent(cumulative, kHighestUniform), 1);
}

}  // namespace
}  // namespace mdn

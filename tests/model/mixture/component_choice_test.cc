#include "model/mixture/component_choice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

namespace mdn {
namespace {

using ::testing::DoubleNear;
using ::testing::ElementsAre;
using ::testing::Pointwise;

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr uint32_t kHighestWord = 0xffffffff;

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

struct Choice {
  std::vector<uint32_t> thresholds;
  uint32_t highest;

  explicit Choice(const std::vector<double>& cumulative) : thresholds(cumulative.size()) {
    highest = ComponentThresholds(cumulative, absl::MakeSpan(thresholds));
  }

  // The search that the contract describes.
  uint32_t Of(uint32_t word) const {
    const auto above = std::upper_bound(thresholds.begin(), thresholds.end(), word);
    return std::min(static_cast<uint32_t>(above - thresholds.begin()), highest);
  }
};

TEST(ComponentThresholdsTest, GiveEachComponentTheWordsOfItsInterval) {
  const Choice choice({0.25, 0.5, 1});
  EXPECT_THAT(choice.thresholds, ElementsAre(0x40000000, 0x80000000, kHighestWord));
  EXPECT_EQ(choice.Of(0), 0);
  EXPECT_EQ(choice.Of(0x3fffffff), 0);
  EXPECT_EQ(choice.Of(0x40000000), 1);
  EXPECT_EQ(choice.Of(0x80000000), 2);
  EXPECT_EQ(choice.Of(kHighestWord), 2);
}

TEST(ComponentThresholdsTest, GiveTheComponentsThatAnUpperBoundOfTheWeightsGives) {
  const std::vector<double> cumulative = Cumulative({-3, -kInfinity, -1, -20, -0.5f, -23, -2});
  const Choice choice(cumulative);
  for (const uint32_t threshold : choice.thresholds) {
    for (uint32_t word : {threshold - 2, threshold - 1, threshold, threshold + 1}) {
      const double u = (word + 0.5) * 0x1p-32;
      const auto above = std::upper_bound(cumulative.begin(), cumulative.end(), u);
      EXPECT_EQ(choice.Of(word), above - cumulative.begin()) << "word " << word;
    }
  }
}

TEST(ComponentThresholdsTest, RoundTheWeightsToTheNearestWord) {
  EXPECT_EQ(Choice({0.4 * 0x1p-32, 1}).thresholds[0], 0);
  EXPECT_EQ(Choice({0.5 * 0x1p-32, 1}).thresholds[0], 0);
  EXPECT_EQ(Choice({0.6 * 0x1p-32, 1}).thresholds[0], 1);
  EXPECT_EQ(Choice({1 - 0x1p-32, 1}).thresholds[0], kHighestWord);
  EXPECT_EQ(Choice({1 - 0x1p-32, 1}).highest, 1);
  EXPECT_EQ(Choice({1 - 0x1p-34, 1}).highest, 0);
}

TEST(ComponentThresholdsTest, NeverGiveAWordToAFirstComponentWithoutWeight) {
  EXPECT_EQ(Choice(Cumulative({-kInfinity, -kInfinity, 0, 0})).Of(0), 2);
  EXPECT_EQ(Choice(Cumulative({-2000, 0})).Of(0), 1);
}

TEST(ComponentThresholdsTest, NeverGiveAWordToALastComponentWithoutWeight) {
  EXPECT_EQ(Choice(Cumulative({0, 0, -kInfinity, -kInfinity})).Of(kHighestWord), 1);
  EXPECT_EQ(Choice(Cumulative({0, -2000})).Of(kHighestWord), 0);
}

TEST(ComponentThresholdsTest, NeverGiveAWordToAComponentWithoutWeightInTheMiddle) {
  const Choice choice(Cumulative({0, -kInfinity, 0}));
  EXPECT_EQ(choice.Of(0x7fffffff), 0);
  EXPECT_EQ(choice.Of(0x80000000), 2);
}

TEST(ComponentThresholdsTest, StayInRangeForEveryNumberOfEqualComponents) {
  for (int components = 1; components <= 200; ++components) {
    const Choice choice(Cumulative(std::vector<float>(components, -1)));
    EXPECT_EQ(choice.Of(kHighestWord), components - 1);
    EXPECT_EQ(choice.Of(0), 0);
  }
}

TEST(ComponentThresholdsTest, GiveEveryWordToTheHeaviestAtTemperatureZero) {
  const Choice choice(Cumulative({-2, -1, -1}, 0));
  EXPECT_EQ(choice.Of(0), 1);
  EXPECT_EQ(choice.Of(kHighestWord), 1);
}

}  // namespace
}  // namespace mdn

#include "model/mixture/loss.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <tuple>
#include <vector>

#include "model/mixture/density.h"
#include "tests/support/noise_models.h"

namespace mdn {
namespace {

using ::testing::Each;
using ::testing::ResultOf;

constexpr int64_t kRows = 5;

/// One evaluation's input and output.
template <typename Real>
struct Evaluation {
  Evaluation(const MixtureHead::Options& options, int64_t rows)
      : logits(rows * options.components),
        raw(rows * MixtureHead(options).normal_channels()),
        y(rows * options.dims),
        loss(rows),
        logits_gradient(logits.size()),
        raw_gradient(raw.size()) {}

  void Run(const MixtureLoss& function) {
    function.Evaluate<Real>(logits, raw, y, absl::MakeSpan(loss), absl::MakeSpan(logits_gradient),
                            absl::MakeSpan(raw_gradient));
  }

  std::vector<Real> logits, raw, y, loss, logits_gradient, raw_gradient;
};

template <typename Real>
Evaluation<Real> RandomEvaluation(const MixtureHead::Options& options, int64_t rows = kRows) {
  Evaluation<Real> evaluation(options, rows);
  uint32_t seed = 1;
  for (auto* values : {&evaluation.logits, &evaluation.raw, &evaluation.y}) {
    const std::vector<float> numbers = RandomNumbers(values->size(), 1.5, seed++);
    std::copy(numbers.begin(), numbers.end(), values->begin());
  }
  return evaluation;
}

double Sum(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum;
}

/// The derivative of the summed loss with respect to one input, by central differences.
double Difference(const MixtureLoss& loss, Evaluation<double>& evaluation, double& input) {
  constexpr double kStep = 1e-5;
  const double middle = input;
  double sums[2];
  for (const int side : {0, 1}) {
    input = middle + (side == 0 ? -kStep : kStep);
    evaluation.Run(loss);
    sums[side] = Sum(evaluation.loss);
  }
  input = middle;
  return (sums[1] - sums[0]) / (2 * kStep);
}

class LossTest : public ::testing::TestWithParam<MixtureHead::Options> {};

std::vector<MixtureHead::Options> EveryShape() {
  std::vector<MixtureHead::Options> all;
  for (const int64_t dims : {1, 3}) {
    for (const int64_t components : {1, 4}) {
      for (const auto& options : EveryNoiseModel(components, dims)) all.push_back(options);
    }
  }
  return all;
}

INSTANTIATE_TEST_SUITE_P(EveryNoiseModel, LossTest, ::testing::ValuesIn(EveryShape()),
                         [](const auto& info) {
                           return NoiseModelName(info.param) + "_" +
                                  std::to_string(info.param.components) + "_" +
                                  std::to_string(info.param.dims);
                         });

TEST_P(LossTest, IsTheNegativeLogDensity) {
  const MixtureLoss loss(GetParam());
  Evaluation<float> evaluation = RandomEvaluation<float>(GetParam());
  evaluation.Run(loss);
  Mixture mixture;
  loss.head().Assemble(evaluation.logits, evaluation.raw, kRows, mixture);
  for (int64_t row = 0; row < kRows; ++row) {
    float log_density = 0;
    LogDensity(mixture.Row(row),
               absl::MakeSpan(evaluation.y).subspan(row * GetParam().dims, GetParam().dims),
               absl::MakeSpan(&log_density, 1));
    EXPECT_NEAR(evaluation.loss[row], -log_density, 2e-6 * (1 + std::abs(log_density))) << row;
  }
}

TEST_P(LossTest, HasTheGradientOfFiniteDifferences) {
  const MixtureLoss loss(GetParam());
  Evaluation<double> evaluation = RandomEvaluation<double>(GetParam());
  evaluation.Run(loss);
  const std::vector<double> logits_gradient = evaluation.logits_gradient;
  const std::vector<double> raw_gradient = evaluation.raw_gradient;
  for (size_t i = 0; i < evaluation.logits.size(); ++i) {
    EXPECT_NEAR(logits_gradient[i], Difference(loss, evaluation, evaluation.logits[i]), 2e-8) << i;
  }
  for (size_t i = 0; i < evaluation.raw.size(); ++i) {
    const double expected = Difference(loss, evaluation, evaluation.raw[i]);
    EXPECT_NEAR(raw_gradient[i], expected, 1e-7 * (1 + std::abs(expected))) << i;
  }
}

TEST_P(LossTest, IsFiniteFromTheNarrowestToTheWidestScales) {
  const MixtureLoss loss(GetParam());
  for (const float log_scale : {-46.0f, 46.0f, -1e4f, 1e4f, -3e38f, 3e38f}) {
    for (const float y : {0.0f, 1.0f, -1e30f, 3e38f}) {
      Evaluation<float> evaluation = RandomEvaluation<float>(GetParam());
      const size_t means = evaluation.logits.size() * GetParam().dims;
      std::fill(evaluation.raw.begin(), evaluation.raw.end(), log_scale);
      std::fill_n(evaluation.raw.begin(), means / kRows, 0.0f);
      std::fill(evaluation.y.begin(), evaluation.y.end(), y);
      evaluation.Run(loss);
      const auto finite = [](float value) { return std::isfinite(value); };
      EXPECT_THAT(evaluation.loss, Each(ResultOf(finite, true))) << log_scale << " " << y;
      EXPECT_THAT(evaluation.logits_gradient, Each(ResultOf(finite, true)));
      EXPECT_THAT(evaluation.raw_gradient, Each(ResultOf(finite, true)));
    }
  }
}

TEST(LossBoundsTest, ReachesTheLossOfAVeryNarrowComponentAtItsMean) {
  MixtureHead::Options options;
  options.components = 1;
  options.dims = 1;
  Evaluation<float> evaluation(options, 1);
  evaluation.raw = {0.5f, -46.0f};
  evaluation.y = {0.5f};
  evaluation.Run(MixtureLoss(options));
  EXPECT_NEAR(evaluation.loss[0], 0.9189385 - 46, 1e-5);
  EXPECT_EQ(evaluation.raw_gradient, (std::vector<float>{0, 1}));
}

TEST(LossBoundsTest, CutsWhatFloat32CannotSum) {
  MixtureHead::Options options;
  options.components = 1;
  options.dims = 1;
  Evaluation<float> evaluation(options, 1);
  evaluation.raw = {0, -46};
  evaluation.y = {1};
  evaluation.Run(MixtureLoss(options));
  EXPECT_EQ(evaluation.loss[0], static_cast<float>(MixtureLoss::kMostLoss));
  EXPECT_EQ(evaluation.raw_gradient[0], -static_cast<float>(MixtureLoss::kMostGradient));
  EXPECT_EQ(evaluation.raw_gradient[1], -static_cast<float>(MixtureLoss::kMostGradient));
}

TEST(LossBoundsTest, LeavesComponentsOfWeightZeroAlone) {
  MixtureHead::Options options;
  options.noise_type = NoiseType::kFull;
  options.components = 2;
  options.dims = 2;
  Evaluation<float> evaluation(options, 1);
  evaluation.logits = {0, -1e30f};
  evaluation.raw[7] = -700;
  evaluation.y = {0.25f, -0.5f};
  evaluation.Run(MixtureLoss(options));
  EXPECT_EQ(evaluation.logits_gradient, (std::vector<float>{0, 0}));
  const std::vector<float> second(evaluation.raw_gradient.begin() + 7,
                                  evaluation.raw_gradient.end());
  EXPECT_THAT(second, Each(0.0f));
}

}  // namespace
}  // namespace mdn

#include "model/train/data/examples.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <string>
#include <vector>

namespace mdn {
namespace {

constexpr double kPi = 3.14159265358979323846;
constexpr double kHalfLogTwoPi = 0.91893853320467274178;

double Oracle(const std::string& name) { return FindExample(name)->oracle_log_density; }

/// The mean of values and its standard error.
struct Estimate {
  double mean = 0;
  double error = 0;
};

Estimate MeanOf(const std::vector<double>& values) {
  double sum = 0, squares = 0;
  for (const double value : values) sum += value;
  const double mean = sum / static_cast<double>(values.size());
  for (const double value : values) squares += (value - mean) * (value - mean);
  const auto count = static_cast<double>(values.size());
  return {mean, std::sqrt(squares / count / count)};
}

/// log p(y|x) = log p(x|y) - log of its integral over a uniform y in [low, high], by the trapezium
/// rule: Bayes' rule for a uniform prior.
double InverseLogDensity(const std::function<double(double)>& log_likelihood, double y, double low,
                         double high) {
  constexpr int kSteps = 2000;
  double sum = 0;
  for (int i = 0; i <= kSteps; ++i) {
    const double weight = i == 0 || i == kSteps ? 0.5 : 1;
    sum += weight * std::exp(log_likelihood(low + (high - low) * i / kSteps));
  }
  return log_likelihood(y) - std::log(sum * (high - low) / kSteps);
}

TEST(ExamplesTest, AreFoundByName) {
  for (const Example& example : Examples()) EXPECT_EQ(FindExample(example.name), &example);
  EXPECT_EQ(FindExample("moons"), nullptr);
}

TEST(ExamplesTest, FollowTheirSeed) {
  for (const Example& example : Examples()) {
    const Dataset data = example.draw(50, 1);
    EXPECT_EQ(data.rows, 50);
    EXPECT_EQ(data.x.size(), 50 * data.dim_in());
    EXPECT_EQ(data.y.size(), 50 * data.dim_out());
    EXPECT_EQ(example.draw(50, 1).x, data.x) << example.name;
    EXPECT_NE(example.draw(50, 2).x, data.x) << example.name;
  }
}

TEST(ExamplesTest, Ex1dHasItsOracle) {
  std::vector<double> values;
  const Dataset data = FindExample("ex_1d")->draw(4000, 1);
  for (int64_t row = 0; row < data.rows; ++row) {
    const auto log_likelihood = [&](double y) {
      const double z = (data.x[row] - 7 * std::sin(5 * y) - 0.5 * y) / 0.5;
      return -0.5 * z * z - std::log(0.5) - kHalfLogTwoPi;
    };
    values.push_back(InverseLogDensity(log_likelihood, data.y[row], -1, 1));
  }
  const Estimate estimate = MeanOf(values);
  EXPECT_NEAR(estimate.mean, Oracle("ex_1d"), 4 * estimate.error);
}

TEST(ExamplesTest, BishopInverseHasItsOracle) {
  // p(t|x) is constant where |x - f(t)| < 0.1: one over that set's length.
  std::vector<double> values;
  const Dataset data = FindExample("bishop_inverse")->draw(4000, 1);
  for (int64_t row = 0; row < data.rows; ++row) {
    constexpr int kSteps = 20000;
    int inside = 0;
    for (int i = 0; i < kSteps; ++i) {
      const double t = (i + 0.5) / kSteps;
      inside += std::abs(data.x[row] - t - 0.3 * std::sin(2 * kPi * t)) < 0.1 ? 1 : 0;
    }
    values.push_back(-std::log(static_cast<double>(inside) / kSteps));
  }
  const Estimate estimate = MeanOf(values);
  EXPECT_NEAR(estimate.mean, Oracle("bishop_inverse"), 4 * estimate.error);
}

TEST(ExamplesTest, EconDensityHasItsOracle) {
  // E[log p] = -1/2 - log sqrt(2 pi) - E[log(1 + x)], x half-normal; and the data are of it.
  double mean_log = 0;
  constexpr int kSteps = 100000;
  for (int i = 0; i < kSteps; ++i) {
    const double x = 10 * (i + 0.5) / kSteps;
    mean_log += std::log(1 + x) * std::sqrt(2 / kPi) * std::exp(-0.5 * x * x) * 10 / kSteps;
  }
  EXPECT_NEAR(-0.5 - kHalfLogTwoPi - mean_log, Oracle("econ_density"), 1e-5);

  std::vector<double> squares;
  const Dataset data = FindExample("econ_density")->draw(20000, 1);
  for (int64_t row = 0; row < data.rows; ++row) {
    const double x = data.x[row], z = (data.y[row] - x * x) / (1 + x);
    ASSERT_GE(x, 0);
    squares.push_back(z * z);
  }
  const Estimate estimate = MeanOf(squares);
  EXPECT_NEAR(estimate.mean, 1, 4 * estimate.error);
}

TEST(ExamplesTest, RotatingEllipsesHaveTheirOracle) {
  std::vector<double> values;
  const Dataset data = FindExample("rotating_ellipses")->draw(1'000'000, 1);
  for (int64_t row = 0; row < data.rows; ++row) {
    values.push_back(RotatingEllipsesLogDensity(data.x[row], data.y[2 * row], data.y[2 * row + 1]));
  }
  const Estimate estimate = MeanOf(values);
  EXPECT_NEAR(estimate.mean, Oracle("rotating_ellipses"), 4 * estimate.error);
}

TEST(ExamplesTest, RotatingEllipsesLogDensityIntegratesToOne) {
  for (const double x : {-1.0, 0.3, 1.0}) {
    constexpr double kReach = 7, kStep = 0.01;
    double mass = 0;
    for (double y0 = -kReach; y0 < kReach; y0 += kStep) {
      for (double y1 = -kReach; y1 < kReach; y1 += kStep) {
        mass += std::exp(RotatingEllipsesLogDensity(x, y0, y1)) * kStep * kStep;
      }
    }
    EXPECT_NEAR(mass, 1, 1e-6);
  }
}

}  // namespace
}  // namespace mdn

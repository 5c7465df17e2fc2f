#include "model/mixture/density.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "model/mixture/noise_model.h"
#include "tests/support/golden.h"
#include "tests/support/noise_models.h"

namespace mdn {
namespace {

constexpr double kTwoPi = 6.28318530717958647693;

using Matrix = std::vector<std::vector<double>>;

std::vector<float> LogDensities(const MixtureRow& mixture, const std::vector<float>& y) {
  std::vector<float> out(y.size() / mixture.shape.dims);
  LogDensity(mixture, y, absl::MakeSpan(out));
  return out;
}

std::vector<float> Grid(double begin, double end, double step) {
  std::vector<float> points(static_cast<size_t>((end - begin) / step) + 1);
  for (size_t i = 0; i < points.size(); ++i) points[i] = begin + i * step;
  return points;
}

Matrix Covariance(const MixtureRow& mixture, int64_t k) {
  const int64_t dims = mixture.shape.dims;
  Matrix covariance(dims, std::vector<double>(dims));
  for (int64_t a = 0; a < dims; ++a) {
    for (int64_t b = 0; b < dims; ++b) {
      if (mixture.shape.full_covariance) {
        const float* l = &mixture.scale_tril[k * dims * dims];
        for (int64_t j = 0; j < dims; ++j) {
          covariance[a][b] += double{l[a * dims + j]} * l[b * dims + j];
        }
      } else if (a == b) {
        covariance[a][a] = std::pow(double{mixture.sigma[k * dims + a]}, 2);
      }
    }
  }
  return covariance;
}

// exp(-r' C^-1 r / 2) / sqrt(det(2 pi C)), by eliminating C.
double NormalDensity(Matrix covariance, std::vector<double> residual) {
  const size_t dims = residual.size();
  double distance = 0;
  double determinant = 1;
  for (size_t pivot = 0; pivot < dims; ++pivot) {
    const double diagonal = covariance[pivot][pivot];
    determinant *= kTwoPi * diagonal;
    distance += residual[pivot] * residual[pivot] / diagonal;
    for (size_t a = pivot + 1; a < dims; ++a) {
      const double factor = covariance[a][pivot] / diagonal;
      for (size_t b = pivot; b < dims; ++b) covariance[a][b] -= factor * covariance[pivot][b];
      residual[a] -= factor * residual[pivot];
    }
  }
  return std::exp(-0.5 * distance) / std::sqrt(determinant);
}

double Density(const MixtureRow& mixture, const float* y) {
  const int64_t dims = mixture.shape.dims;
  double density = 0;
  for (int64_t k = 0; k < mixture.shape.components; ++k) {
    std::vector<double> residual;
    for (int64_t d = 0; d < dims; ++d) {
      residual.push_back(double{y[d]} - mixture.mu[k * dims + d]);
    }
    density += std::exp(double{mixture.log_pi[k]}) *
               NormalDensity(Covariance(mixture, k), std::move(residual));
  }
  return density;
}

class DensityTest : public ::testing::TestWithParam<int> {
 protected:
  static MixtureHead::Options Options(int64_t components, int64_t dims) {
    return EveryNoiseModel(components, dims)[GetParam()];
  }
};

TEST_P(DensityTest, IsTheWeightedSumOfTheComponentsDensities) {
  for (const int64_t dims : {1, 2, 3}) {
    const Mixture mixture = RandomMixture(Options(4, dims), 20, 5);
    const std::vector<float> y = RandomNumbers(10 * dims, 2, 6);
    for (int64_t row = 0; row < mixture.rows; ++row) {
      const std::vector<float> actual = LogDensities(mixture.Row(row), y);
      for (size_t point = 0; point < actual.size(); ++point) {
        const double expected = std::log(Density(mixture.Row(row), &y[point * dims]));
        EXPECT_NEAR(actual[point], expected, 3e-6 * (1 + std::fabs(expected)));
      }
    }
  }
}

TEST_P(DensityTest, DoesNotDependOnTheOrderOfTheComponents) {
  const MixtureHead head(Options(2, 2));
  const Mixture mixture = RandomMixture(Options(2, 2), 1, 7);
  Mixture swapped = mixture;
  for (std::vector<float> Mixture::*array : {&Mixture::log_pi, &Mixture::mu, &Mixture::sigma,
                                             &Mixture::log_scale, &Mixture::scale_tril}) {
    std::vector<float>& values = swapped.*array;
    std::rotate(values.begin(), values.begin() + values.size() / 2, values.end());
  }
  const std::vector<float> y = RandomNumbers(100, 3, 8);
  EXPECT_EQ(LogDensities(mixture.Row(0), y), LogDensities(swapped.Row(0), y));
}

TEST_P(DensityTest, DoesNotChangeWithAConstantAddedToTheLogits) {
  const MixtureHead head(Options(4, 2));
  const std::vector<float> raw = RandomNumbers(head.normal_channels(), 1, 9);
  Mixture mixture;
  Mixture shifted;
  head.Assemble({0.5f, -1.25f, 3, 0}, raw, 1, mixture);
  head.Assemble({64.5f, 62.75f, 67, 64}, raw, 1, shifted);
  const std::vector<float> y = RandomNumbers(100, 3, 10);
  EXPECT_EQ(LogDensities(mixture.Row(0), y), LogDensities(shifted.Row(0), y));
}

TEST_P(DensityTest, ChangesUnitsLikeADensity) {
  const std::vector<double> scale = {4, 0.125};
  MixtureHead::Options options = Options(3, 2);
  const Mixture mixture = RandomMixture(options, 1, 11);
  options.y_shift = {16, -2};
  options.y_scale = scale;
  const Mixture scaled = RandomMixture(options, 1, 11);
  for (int i = 0; i < 50; ++i) {
    const std::vector<float> y = RandomNumbers(2, 2, 100 + i);
    const float expected =
        LogDensities(mixture.Row(0), y)[0] - std::log(scale[0]) - std::log(scale[1]);
    const float actual = LogDensities(scaled.Row(0), {16 + 4 * y[0], -2 + 0.125f * y[1]})[0];
    EXPECT_NEAR(actual, expected, 2e-4 * (1 + std::fabs(expected)));
  }
}

TEST_P(DensityTest, IntegratesToOneInOneDimension) {
  constexpr double kStep = 1.0 / 16;
  const std::vector<float> y = Grid(-40, 40, kStep);
  const Mixture mixture = RandomMixture(Options(5, 1), 1000, 12);
  for (int64_t row = 0; row < mixture.rows; ++row) {
    double integral = 0;
    for (const double value : LogDensities(mixture.Row(row), y))
      integral += kStep * std::exp(value);
    ASSERT_NEAR(integral, 1, 5e-7) << "row " << row;
  }
}

TEST_P(DensityTest, IntegratesToOneInTwoDimensions) {
  constexpr double kStep = 1.0 / 8;
  std::vector<float> y;
  for (const float first : Grid(-25, 25, kStep)) {
    for (const float second : Grid(-25, 25, kStep)) y.insert(y.end(), {first, second});
  }
  const Mixture mixture = RandomMixture(Options(3, 2), 1, 13);
  double integral = 0;
  for (const double value : LogDensities(mixture.Row(0), y)) {
    integral += kStep * kStep * std::exp(value);
  }
  EXPECT_NEAR(integral, 1, 1e-6);
}

INSTANTIATE_TEST_SUITE_P(EveryNoiseModel, DensityTest, ::testing::Range(0, 6),
                         [](const auto& info) {
                           return NoiseModelName(EveryNoiseModel(1, 1)[info.param]);
                         });

class GoldenDensityTest : public ::testing::TestWithParam<std::string> {};

Mixture GoldenMixture(const GoldenCase& golden, const GoldenCase::Numbers& numbers) {
  Mixture mixture;
  mixture.Resize({golden.n_components, golden.dim_out, false}, golden.rows);
  std::copy(numbers.log_pi.begin(), numbers.log_pi.end(), mixture.log_pi.begin());
  std::copy(numbers.mu.begin(), numbers.mu.end(), mixture.mu.begin());
  std::copy(numbers.sigma.begin(), numbers.sigma.end(), mixture.sigma.begin());
  std::transform(numbers.sigma.begin(), numbers.sigma.end(), mixture.log_scale.begin(),
                 [](double sigma) { return std::log(sigma); });
  return mixture;
}

TEST_P(GoldenDensityTest, IsTheReferencesLossWithTheConstantItLeavesOut) {
  const GoldenCase golden = ReadGolden(GetParam());
  for (const GoldenCase::Numbers& numbers : {golden.float32, golden.float64}) {
    const Mixture mixture = GoldenMixture(golden, numbers);
    for (int64_t row = 0; row < golden.rows; ++row) {
      const auto y = golden.y.begin() + row * golden.dim_out;
      const double actual = LogDensities(mixture.Row(row), {y, y + golden.dim_out})[0];
      const double expected = -numbers.loss[row] - golden.dim_out / 2.0 * std::log(kTwoPi);
      EXPECT_NEAR(actual, expected, 1e-5 * (1 + std::fabs(expected))) << "row " << row;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(EveryGoldenCase, GoldenDensityTest,
                         ::testing::Values("ex_1d", "small_diagonal", "small_isotropic",
                                           "small_isotropic_across_clusters", "small_fixed",
                                           "small_torch26_diagonal"),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace mdn

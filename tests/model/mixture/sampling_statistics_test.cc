#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "model/mixture/sampling.h"
#include "tests/support/noise_models.h"
#include "tests/support/statistics.h"

namespace mdn {
namespace {

constexpr int64_t kDraws = 100'000;
constexpr int64_t kComponents = 4;
constexpr int64_t kDims = 3;
constexpr double kProbability = 1e-4;
constexpr double kStandardErrors = 5;

// Draws of one row of each noise model, which is not the first row, under one fixed seed.
class SamplingStatisticsTest : public ::testing::TestWithParam<int> {
 protected:
  SamplingStatisticsTest()
      : mixture_(RandomMixture(EveryNoiseModel(kComponents, kDims)[GetParam()], 3, 21)),
        row_(mixture_.Row(1)),
        samples_(kDraws * kDims),
        components_(kDraws) {}

  void Draw(float pi_temperature = 1, float sigma_scale = 1) {
    DrawSamples(row_, {90210, pi_temperature, sigma_scale}, 1, absl::MakeSpan(samples_),
                absl::MakeSpan(components_));
  }

  std::vector<double> Dimension(int64_t dim) const {
    std::vector<double> values(kDraws);
    for (int64_t s = 0; s < kDraws; ++s) values[s] = samples_[s * kDims + dim];
    return values;
  }

  std::vector<int64_t> ComponentCounts() const {
    std::vector<int64_t> counts(kComponents);
    for (const int32_t component : components_) ++counts.at(component);
    return counts;
  }

  std::vector<double> Probabilities(double temperature) const {
    std::vector<double> probabilities;
    double sum = 0;
    for (const double log_pi : row_.log_pi) {
      probabilities.push_back(std::exp(log_pi / temperature));
      sum += probabilities.back();
    }
    for (double& probability : probabilities) probability /= sum;
    return probabilities;
  }

  double Covariance(int64_t k, int64_t a, int64_t b) const {
    if (!mixture_.shape.full_covariance) {
      return a == b ? std::pow(row_.sigma[k * kDims + a], 2) : 0;
    }
    const float* l = &row_.scale_tril[k * kDims * kDims];
    double covariance = 0;
    for (int64_t j = 0; j < kDims; ++j) covariance += l[a * kDims + j] * l[b * kDims + j];
    return covariance;
  }

  double Residual(int64_t s, int64_t d) const {
    return samples_[s * kDims + d] - row_.mu[components_[s] * kDims + d];
  }

  const Mixture mixture_;
  const MixtureRow row_;
  std::vector<float> samples_;
  std::vector<int32_t> components_;
};

TEST_P(SamplingStatisticsTest, EveryDimensionFollowsTheMixturesDistribution) {
  Draw();
  for (int64_t d = 0; d < kDims; ++d) {
    const auto cdf = [this, d](double y) { return MixtureCdf(row_, d, y); };
    EXPECT_LT(KolmogorovSmirnovDistance(Dimension(d), cdf),
              KolmogorovSmirnovBound(kDraws, kProbability))
        << "dimension " << d;
  }
}

TEST_P(SamplingStatisticsTest, ComponentsComeAsOftenAsTheyWeigh) {
  for (const float temperature : {0.5f, 1.0f, 2.0f}) {
    Draw(temperature);
    EXPECT_LT(ChiSquareDistance(ComponentCounts(), Probabilities(temperature)),
              ChiSquareBound(kComponents - 1, kProbability))
        << "temperature " << temperature;
  }
}

TEST_P(SamplingStatisticsTest, EveryComponentHasItsMeanAndCovariance) {
  Draw();
  const std::vector<int64_t> counts = ComponentCounts();
  for (int64_t a = 0; a < kDims; ++a) {
    for (int64_t b = 0; b <= a; ++b) {
      std::vector<double> mean(kComponents);
      std::vector<double> product(kComponents);
      for (int64_t s = 0; s < kDraws; ++s) {
        mean[components_[s]] += Residual(s, a) / counts[components_[s]];
        product[components_[s]] += Residual(s, a) * Residual(s, b) / counts[components_[s]];
      }
      for (int64_t k = 0; k < kComponents; ++k) {
        const double variances = Covariance(k, a, a) * Covariance(k, b, b);
        const double covariance = Covariance(k, a, b);
        EXPECT_NEAR(mean[k], 0, kStandardErrors * std::sqrt(Covariance(k, a, a) / counts[k]));
        EXPECT_NEAR(product[k], covariance,
                    kStandardErrors * std::sqrt((variances + covariance * covariance) / counts[k]));
      }
    }
  }
}

TEST_P(SamplingStatisticsTest, SigmaScaleWidensEveryComponent) {
  Draw(1, 2.5f);
  Mixture scaled = mixture_;
  for (float& sigma : scaled.sigma) sigma *= 2.5f;
  for (int64_t d = 0; d < kDims; ++d) {
    const auto cdf = [&scaled, d](double y) { return MixtureCdf(scaled.Row(1), d, y); };
    EXPECT_LT(KolmogorovSmirnovDistance(Dimension(d), cdf),
              KolmogorovSmirnovBound(kDraws, kProbability))
        << "dimension " << d;
  }
}

INSTANTIATE_TEST_SUITE_P(EveryNoiseModel, SamplingStatisticsTest, ::testing::Range(0, 6),
                         [](const auto& info) {
                           return NoiseModelName(EveryNoiseModel(1, 1)[info.param]);
                         });

// Standard normal draws: [count, dims].
std::vector<float> StandardNormals(int64_t count, int64_t dims, int64_t row, uint64_t seed = 0) {
  const Mixture mixture =
      DiagonalMixture({0}, std::vector<float>(dims, 0), std::vector<float>(dims, 1));
  std::vector<float> samples(count * dims);
  DrawSamples(mixture.Row(0), {seed, 1, 1}, row, absl::MakeSpan(samples), {});
  return samples;
}

double Correlation(const float* a, const float* b, int64_t count, int64_t stride) {
  double sum = 0;
  for (int64_t i = 0; i < count; ++i) sum += double{a[i * stride]} * b[i * stride];
  return sum / count;
}

TEST(SampleIndependenceTest, DimensionsAreUncorrelated) {
  constexpr int64_t kWide = 9;
  const std::vector<float> samples = StandardNormals(kDraws, kWide, 0);
  for (int64_t a = 0; a < kWide; ++a) {
    for (int64_t b = 0; b < a; ++b) {
      EXPECT_NEAR(Correlation(&samples[a], &samples[b], kDraws, kWide), 0,
                  kStandardErrors / std::sqrt(kDraws))
          << "dimensions " << a << " and " << b;
    }
  }
}

TEST(SampleIndependenceTest, SuccessiveSamplesAreUncorrelated) {
  const std::vector<float> samples = StandardNormals(kDraws + 1, 1, 0);
  EXPECT_NEAR(Correlation(&samples[0], &samples[1], kDraws, 1), 0,
              kStandardErrors / std::sqrt(kDraws));
}

// The two numbers of a pair have one radius, which only their squares would show.
TEST(SampleIndependenceTest, SquaresOfSuccessiveSamplesAreUncorrelated) {
  std::vector<float> squares = StandardNormals(kDraws + 2, 1, 0);
  for (float& z : squares) z = z * z - 1;
  for (const int64_t distance : {1, 2}) {
    EXPECT_NEAR(Correlation(&squares[0], &squares[distance], kDraws, 1), 0,
                kStandardErrors * 2 / std::sqrt(kDraws))
        << "distance " << distance;
  }
}

TEST(SampleIndependenceTest, SeedsAreUncorrelated) {
  const std::vector<float> first = StandardNormals(kDraws, 1, 0, 0);
  for (const uint64_t seed : {uint64_t{1}, uint64_t{1} << 32, ~uint64_t{0}}) {
    const std::vector<float> second = StandardNormals(kDraws, 1, 0, seed);
    EXPECT_NEAR(Correlation(first.data(), second.data(), kDraws, 1), 0,
                kStandardErrors / std::sqrt(kDraws))
        << "seed " << seed;
  }
}

TEST(SampleIndependenceTest, RowsAreUncorrelated) {
  const std::vector<float> first = StandardNormals(kDraws, 1, 0);
  const std::vector<float> second = StandardNormals(kDraws, 1, 1);
  EXPECT_NEAR(Correlation(first.data(), second.data(), kDraws, 1), 0,
              kStandardErrors / std::sqrt(kDraws));
}

TEST(SampleIndependenceTest, ComponentsDoNotDependOnTheNumbersDrawn) {
  const Mixture mixture = DiagonalMixture({0, 0}, {0, 0}, {1, 1});
  std::vector<float> samples(kDraws);
  std::vector<int32_t> components(kDraws);
  DrawSamples(mixture.Row(0), {}, 0, absl::MakeSpan(samples), absl::MakeSpan(components));
  double sum = 0;
  for (int64_t s = 0; s < kDraws; ++s) sum += (components[s] == 0 ? 1 : -1) * samples[s];
  EXPECT_NEAR(sum / kDraws, 0, kStandardErrors / std::sqrt(kDraws));
}

// A hundred million draws: what a flaw in the tails or in the moments would need to show.
class ManyNormalsTest : public ::testing::Test {
 protected:
  static constexpr int64_t kRows = 100;
  static constexpr int64_t kPerRow = 1'000'000;
  static constexpr double kCount = kRows * kPerRow;

  ManyNormalsTest() {
    for (int64_t row = 0; row < kRows; ++row) {
      for (const double z : StandardNormals(kPerRow, 1, row)) {
        const double square = z * z;
        sums_[0] += z;
        sums_[1] += square;
        sums_[2] += square * z;
        sums_[3] += square * square;
        beyond_four_ += square > 16;
        beyond_five_ += square > 25;
        largest_square_ = std::max(largest_square_, square);
      }
    }
  }

  double sums_[4] = {};
  int64_t beyond_four_ = 0;
  int64_t beyond_five_ = 0;
  double largest_square_ = 0;
};

TEST_F(ManyNormalsTest, HaveTheMomentsAndTheTailsOfTheNormalDistribution) {
  // The variances of z, z^2, z^3 and z^4, and their means.
  constexpr double kVariances[] = {1, 2, 15, 96};
  constexpr double kMeans[] = {0, 1, 0, 3};
  for (int i = 0; i < 4; ++i) {
    EXPECT_NEAR(sums_[i] / kCount, kMeans[i], kStandardErrors * std::sqrt(kVariances[i] / kCount))
        << "moment " << i + 1;
  }
  const double expected_beyond_four = kCount * 2 * NormalCdf(-4);
  const double expected_beyond_five = kCount * 2 * NormalCdf(-5);
  EXPECT_NEAR(beyond_four_, expected_beyond_four,
              kStandardErrors * std::sqrt(expected_beyond_four));
  EXPECT_NEAR(beyond_five_, expected_beyond_five,
              kStandardErrors * std::sqrt(expected_beyond_five));
  EXPECT_LT(largest_square_, 66 * std::log(2.0));
}

}  // namespace
}  // namespace mdn

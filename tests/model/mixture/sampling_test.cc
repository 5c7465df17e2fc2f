#include "model/mixture/sampling.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "tests/model/mixture/draws.h"
#include "tests/support/noise_models.h"

namespace mdn {
namespace {

using ::testing::Each;
using ::testing::Not;

// Of the component that sample number i / D was drawn from, in number i's dimension.
float MeanOf(const Mixture& mixture, const Draws& draws, size_t i) {
  const int64_t dims = mixture.shape.dims;
  return mixture.mu[draws.components[i / dims] * dims + i % dims];
}

SamplingOptions WithSeed(uint64_t seed) {
  SamplingOptions options;
  options.seed = seed;
  return options;
}

Mixture SomeMixture(int64_t components = 3, int64_t dims = 5) {
  return RandomMixture(EveryNoiseModel(components, dims)[0], 1, 1);
}

TEST(SamplingTest, SameSeedGivesTheSameBits) {
  const Draws first = Draw(SomeMixture(), 1000, WithSeed(7));
  const Draws second = Draw(SomeMixture(), 1000, WithSeed(7));
  EXPECT_EQ(first.samples, second.samples);
  EXPECT_EQ(first.components, second.components);
}

TEST(SamplingTest, TheFirstSamplesDoNotDependOnHowManyAreDrawn) {
  Draws many = Draw(SomeMixture(), 1000);
  const Draws few = Draw(SomeMixture(), 10);
  many.samples.resize(few.samples.size());
  EXPECT_EQ(many.samples, few.samples);
}

TEST(SamplingTest, EveryBitOfTheSeedChangesTheDraws) {
  const std::vector<float> samples = Draw(SomeMixture(), 10, WithSeed(0)).samples;
  for (int bit = 0; bit < 64; ++bit) {
    EXPECT_NE(Draw(SomeMixture(), 10, WithSeed(uint64_t{1} << bit)).samples, samples) << bit;
  }
}

TEST(SamplingTest, EveryBitOfTheRowChangesTheDraws) {
  const std::vector<float> samples = Draw(SomeMixture(), 10).samples;
  for (int bit = 0; bit < 63; ++bit) {
    EXPECT_NE(Draw(SomeMixture(), 10, {}, int64_t{1} << bit).samples, samples) << bit;
  }
}

TEST(SamplingTest, AskingForComponentsDoesNotChangeTheSamples) {
  std::vector<float> samples(500);
  DrawSamples(SomeMixture().Row(0), {}, 0, absl::MakeSpan(samples), {});
  EXPECT_EQ(samples, Draw(SomeMixture(), 100).samples);
}

TEST(SamplingTest, AcceptsNoSampleAtAll) { EXPECT_TRUE(Draw(SomeMixture(), 0).samples.empty()); }

TEST(SamplingTest, MoreDimensionsKeepTheNumbersOfTheFirst) {
  for (int64_t dims = 1; dims <= 12; ++dims) {
    const Mixture small =
        DiagonalMixture({0}, std::vector<float>(dims, 0), std::vector<float>(dims, 1));
    const Mixture large =
        DiagonalMixture({0}, std::vector<float>(13, 0), std::vector<float>(13, 1));
    std::vector<float> first_dims = Draw(large, 1).samples;
    first_dims.resize(dims);
    EXPECT_EQ(Draw(small, 1).samples, first_dims) << dims << " dimensions";
  }
}

TEST(SamplingTest, FullCovarianceWithoutCorrelationGivesTheDiagonalsDraws) {
  const Mixture diagonal = DiagonalMixture({-1, -0.5f}, {0, 1, 2, 3}, {0.5f, 2, 1, 0.25f});
  Mixture full = diagonal;
  full.shape.full_covariance = true;
  full.scale_tril = {0.5f, 0, 0, 2, 1, 0, 0, 0.25f};
  EXPECT_EQ(Draw(full, 100).samples, Draw(diagonal, 100).samples);
}

TEST(SamplingTest, SigmaScaleZeroGivesTheComponentsMean) {
  SamplingOptions options;
  options.sigma_scale = 0;
  for (const MixtureHead::Options& model : EveryNoiseModel(3, 4)) {
    const Mixture mixture = RandomMixture(model, 1, 2);
    const Draws draws = Draw(mixture, 50, options);
    for (size_t i = 0; i < draws.samples.size(); ++i) {
      EXPECT_EQ(draws.samples[i], MeanOf(mixture, draws, i));
    }
  }
}

TEST(SamplingTest, SigmaScaleMultipliesTheDistanceFromTheMean) {
  SamplingOptions options;
  options.sigma_scale = 4;
  for (const MixtureHead::Options& model : EveryNoiseModel(3, 4)) {
    const Mixture mixture = RandomMixture(model, 1, 2);
    const Draws draws = Draw(mixture, 50);
    const Draws scaled = Draw(mixture, 50, options);
    for (size_t i = 0; i < draws.samples.size(); ++i) {
      const float mu = MeanOf(mixture, draws, i);
      EXPECT_NEAR(scaled.samples[i] - mu, 4 * (draws.samples[i] - mu), 1e-5);
    }
  }
}

TEST(SamplingTest, TemperatureZeroTakesTheFirstOfTheHeaviest) {
  SamplingOptions options;
  options.pi_temperature = 0;
  const Mixture mixture = DiagonalMixture({-2, -1, -1, -3}, {0, 1, 2, 3}, {1, 1, 1, 1});
  EXPECT_THAT(Draw(mixture, 1000, options).components, Each(1));
}

TEST(SamplingTest, NeverTakesAComponentWithoutWeight) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const Mixture mixture =
      DiagonalMixture({-kInfinity, 0, -kInfinity, 0, -kInfinity}, {0, 1, 2, 3, 4}, {1, 1, 1, 1, 1});
  for (const float temperature : {1e-20f, 1.0f, 1e20f}) {
    SamplingOptions options;
    options.pi_temperature = temperature;
    const Draws draws = Draw(mixture, 100000, options);
    EXPECT_THAT(draws.components, Each(Not(0)));
    EXPECT_THAT(draws.components, Each(Not(2)));
    EXPECT_THAT(draws.components, Each(Not(4)));
  }
}

TEST(SamplingTest, NeverTakesAComponentOfWeightTenToTheMinus300) {
  const Mixture mixture = DiagonalMixture({-690, 0}, {0, 1}, {1, 1});
  EXPECT_THAT(Draw(mixture, 100000).components, Each(1));
}

TEST(SamplingTest, DrawsTheMeanWhereSigmaUnderflowed) {
  const Mixture mixture = DiagonalMixture({0}, {3}, {0});
  EXPECT_THAT(Draw(mixture, 100).samples, Each(3));
}

TEST(SamplingTest, ADrawBeyondFloatsRangeIsItsLargestNumber) {
  const Mixture mixture = DiagonalMixture({0}, {0}, {3e38f});
  const float most = std::numeric_limits<float>::max();
  SamplingOptions options;
  options.sigma_scale = 1e30f;
  EXPECT_THAT(Draw(mixture, 100, options).samples, Each(::testing::AnyOf(most, -most)));
}

TEST(SamplingTest, TakesMoreComponentsAndDimensionsThanFitTheStack) {
  const Mixture mixture = SomeMixture(300, 200);
  const Draws draws = Draw(mixture, 100);
  EXPECT_THAT(draws.components, Each(::testing::AllOf(::testing::Ge(0), ::testing::Lt(300))));
  for (const float sample : draws.samples) ASSERT_TRUE(std::isfinite(sample));
}

}  // namespace
}  // namespace mdn

#include "model/mixture/sampling.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "model/mixture/component_choice.h"
#include "model/mixture/normal.h"
#include "model/mixture/philox.h"
#include "tests/support/noise_models.h"

namespace mdn {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Not;

struct Draws {
  std::vector<float> samples;
  std::vector<int32_t> components;
};

Draws Draw(const Mixture& mixture, int64_t count, const SamplingOptions& options = {},
           int64_t row = 0) {
  Draws draws = {std::vector<float>(count * mixture.shape.dims), std::vector<int32_t>(count)};
  DrawSamples(mixture.Row(0), options, row, absl::MakeSpan(draws.samples),
              absl::MakeSpan(draws.components));
  return draws;
}

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
  for (int bit = 0; bit < 48; ++bit) {
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

constexpr uint64_t kLayoutSeed = 0x0123456789abcdef;
constexpr int64_t kLayoutRow = 0x223344556677;

PhiloxCounter LayoutBlock(uint32_t block, uint32_t sample) {
  return Philox({block, sample, 0x44556677, 0x22330000}, {0x89abcdef, 0x01234567});
}

// The first ten numbers of a sample, as the documented layout places them.
std::vector<double> LayoutNormals(uint32_t sample) {
  std::vector<double> z;
  for (uint32_t block = 0; block < 3; ++block) {
    const PhiloxCounter words = LayoutBlock(block, sample);
    const NormalPair first = BoxMuller(words[0], words[1]);
    const NormalPair second = BoxMuller(words[2], words[3]);
    if (block > 0) z.insert(z.end(), {first.first, first.second});
    z.insert(z.end(), {second.first, second.second});
  }
  return z;
}

int LayoutComponent(const Mixture& mixture, uint32_t sample) {
  std::vector<double> cumulative(mixture.shape.components);
  CumulativeWeights(mixture.log_pi, 1, absl::MakeSpan(cumulative));
  const PhiloxCounter words = LayoutBlock(0, sample);
  return ChooseComponent(cumulative, ((uint64_t{words[0]} << 32 | words[1]) >> 11) * 0x1p-53);
}

TEST(SamplingTest, FollowsTheDocumentedLayout) {
  for (int64_t dims = 1; dims <= 10; ++dims) {
    const Mixture mixture = SomeMixture(3, dims);
    const Draws draws = Draw(mixture, 4, WithSeed(kLayoutSeed), kLayoutRow);
    for (size_t i = 0; i < draws.samples.size(); ++i) {
      const int component = LayoutComponent(mixture, i / dims);
      EXPECT_EQ(draws.components[i / dims], component);
      const double sigma = mixture.sigma[component * dims + i % dims];
      EXPECT_FLOAT_EQ(draws.samples[i],
                      MeanOf(mixture, draws, i) + sigma * LayoutNormals(i / dims)[i % dims]);
    }
  }
}

// Known values, so that a change of a bit is seen on whatever machine runs this.
TEST(SamplingTest, KeepsItsBits) {
  const Mixture mixture = DiagonalMixture({-1.5f, -0.5f, -1.75f}, {-4, 2, 0, 1, 4, -2, 0.5f, 3, -1},
                                          {0.5f, 1, 2, 0.25f, 3, 0.1f, 1, 1, 7});
  const Draws draws = Draw(mixture, 3, WithSeed(20240607), 2);
  EXPECT_THAT(draws.components, ElementsAre(0, 0, 2));
  EXPECT_THAT(draws.samples, ElementsAre(-0x1.9452aap+1f, 0x1.3c638ap+1f, 0x1.205936p+2f,
                                         -0x1.f55c12p+1f, 0x1.7f412ep-1f, 0x1.cd4082p-1f,
                                         0x1.fdd2c6p-1f, 0x1.17fa5p+1f, -0x1.c0593ap+0f));
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

#include "model/mixture/noise_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "tests/support/golden.h"
#include "tests/support/noise_models.h"

namespace mdn {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::FloatEq;
using ::testing::FloatNear;
using ::testing::Pointwise;

constexpr double kEpsilon = 1e-6;

MixtureHead::Options Options(NoiseType type, int64_t components, int64_t dims) {
  MixtureHead::Options options;
  options.noise_type = type;
  options.components = components;
  options.dims = dims;
  options.fixed_noise_level = 1;
  return options;
}

Mixture Assemble(const MixtureHead::Options& options, const std::vector<float>& logits,
                 const std::vector<float>& raw) {
  Mixture mixture;
  MixtureHead(options).Assemble(logits, raw, logits.size() / options.components, mixture);
  return mixture;
}

TEST(NoiseTypeTest, EveryNameParsesToItsType) {
  for (const MixtureHead::Options& options : EveryNoiseModel(2, 2)) {
    EXPECT_EQ(ParseNoiseType(NoiseTypeName(options.noise_type)), options.noise_type);
  }
  EXPECT_EQ(ParseNoiseType("isotropic_across_clusters"), NoiseType::kIsotropicAcrossClusters);
}

TEST(NoiseTypeTest, OtherNamesAreRefused) {
  for (const char* name : {"", "DIAGONAL", "diagonal ", "spherical"}) {
    EXPECT_EQ(ParseNoiseType(name), std::nullopt) << name;
  }
}

TEST(NoiseTypeTest, NumbersAreTheReferences) {
  EXPECT_EQ(static_cast<int>(NoiseType::kDiagonal), 1);
  EXPECT_EQ(static_cast<int>(NoiseType::kIsotropic), 2);
  EXPECT_EQ(static_cast<int>(NoiseType::kIsotropicAcrossClusters), 3);
  EXPECT_EQ(static_cast<int>(NoiseType::kFixed), 4);
}

TEST(IsotropicLayoutTest, EveryNameParsesToItsLayout) {
  for (const auto layout : {IsotropicLayout::kPerComponent, IsotropicLayout::kTiled}) {
    EXPECT_EQ(ParseIsotropicLayout(IsotropicLayoutName(layout)), layout);
  }
  EXPECT_EQ(ParseIsotropicLayout("tile"), std::nullopt);
}

TEST(SigmaChannelsTest, CountsTheRawOutputs) {
  EXPECT_EQ(SigmaChannels(NoiseType::kDiagonal, 4, 3), 12);
  EXPECT_EQ(SigmaChannels(NoiseType::kIsotropic, 4, 3), 4);
  EXPECT_EQ(SigmaChannels(NoiseType::kIsotropicAcrossClusters, 4, 3), 1);
  EXPECT_EQ(SigmaChannels(NoiseType::kFixed, 4, 3), 0);
  EXPECT_EQ(SigmaChannels(NoiseType::kFull, 4, 3), 24);
}

TEST(MixtureHeadTest, CountsMeansAndSigmas) {
  EXPECT_EQ(MixtureHead(Options(NoiseType::kDiagonal, 4, 3)).normal_channels(), 24);
  EXPECT_EQ(MixtureHead(Options(NoiseType::kFixed, 4, 3)).normal_channels(), 12);
  EXPECT_EQ(MixtureHead(Options(NoiseType::kFull, 4, 3)).normal_channels(), 36);
}

TEST(MixtureHeadTest, OnlyFullHasAFullCovariance) {
  for (const MixtureHead::Options& options : EveryNoiseModel(2, 3)) {
    const MixtureShape shape = MixtureHead(options).shape();
    EXPECT_EQ(shape.components, 2);
    EXPECT_EQ(shape.dims, 3);
    EXPECT_EQ(shape.full_covariance, options.noise_type == NoiseType::kFull);
  }
}

TEST(MixtureHeadTest, LogPiIsTheLogSoftmaxOfTheLogits) {
  const Mixture mixture = Assemble(Options(NoiseType::kFixed, 3, 1), {0, 1, -2}, {0, 0, 0});
  const double log_sum = std::log(1 + std::exp(1.0) + std::exp(-2.0));
  EXPECT_THAT(mixture.log_pi,
              ElementsAre(FloatEq(-log_sum), FloatEq(1 - log_sum), FloatEq(-2 - log_sum)));
}

TEST(MixtureHeadTest, WeightsOfExtremeLogitsSumToOne) {
  for (const int components : {1, 2, 64}) {
    for (const float highest : {0.0f, 80.0f, -80.0f, 1e30f, -1e30f}) {
      std::vector<float> logits(components, -80.0f);
      logits.back() = highest;
      const Mixture mixture = Assemble(Options(NoiseType::kFixed, components, 1), logits,
                                       std::vector<float>(components));
      double sum = 0;
      for (const double log_pi : mixture.log_pi) sum += std::exp(log_pi);
      EXPECT_NEAR(sum, 1, 5e-7) << components << " components, highest logit " << highest;
      EXPECT_EQ(mixture.FirstNonFiniteRow(0, 1), -1);
    }
  }
}

TEST(MixtureHeadTest, TiledLayoutTakesTheChannelsInTurn) {
  MixtureHead::Options options = Options(NoiseType::kIsotropic, 3, 2);
  options.isotropic_layout = IsotropicLayout::kTiled;
  const Mixture mixture = Assemble(options, {0, 0, 0}, {0, 0, 0, 0, 0, 0, -1, 1, 3});
  EXPECT_THAT(mixture.log_scale, Pointwise(FloatNear(2e-6), {-1, 1, 3, -1, 1, 3}));
}

TEST(MixtureHeadTest, PerComponentLayoutGivesEachComponentItsChannel) {
  MixtureHead::Options options = Options(NoiseType::kIsotropic, 3, 2);
  options.isotropic_layout = IsotropicLayout::kPerComponent;
  const Mixture mixture = Assemble(options, {0, 0, 0}, {0, 0, 0, 0, 0, 0, -1, 1, 3});
  EXPECT_THAT(mixture.log_scale, Pointwise(FloatNear(2e-6), {-1, -1, 1, 1, 3, 3}));
}

// With K = 4 and D = 2 the reference's first two components already hold all four channels.
TEST(MixtureHeadTest, TiledLayoutIsTheReferences) {
  const GoldenCase golden = ReadGolden("small_isotropic");
  for (int64_t row = 0; row < golden.rows; ++row) {
    const double* sigma = &golden.float64.sigma[row * 4 * 2];
    std::vector<float> raw(8);
    for (int i = 0; i < 4; ++i) raw.push_back(std::log(sigma[i]) - kEpsilon);
    const Mixture mixture = Assemble(Options(NoiseType::kIsotropic, 4, 2), {0, 0, 0, 0}, raw);
    for (int i = 0; i < 4 * 2; ++i) EXPECT_NEAR(mixture.sigma[i] / sigma[i], 1, 5e-7);
  }
}

TEST(MixtureHeadTest, EpsilonStandsInsideTheExponential) {
  const Mixture mixture = Assemble(Options(NoiseType::kDiagonal, 1, 1), {0}, {0, 0});
  EXPECT_EQ(mixture.sigma[0], static_cast<float>(std::exp(kEpsilon)));
  EXPECT_EQ(mixture.log_scale[0], static_cast<float>(kEpsilon));
}

TEST(MixtureHeadTest, FixedLevelHasNoEpsilon) {
  MixtureHead::Options options = Options(NoiseType::kFixed, 2, 2);
  options.fixed_noise_level = 0.3;
  const Mixture mixture = Assemble(options, {0, 0}, {1, 2, 3, 4});
  EXPECT_THAT(mixture.sigma, Each(0.3f));
  EXPECT_THAT(mixture.log_scale, Each(static_cast<float>(std::log(0.3))));
  EXPECT_THAT(mixture.mu, ElementsAre(1, 2, 3, 4));
}

TEST(MixtureHeadTest, LogScaleSurvivesTheUnderflowOfSigma) {
  const Mixture mixture = Assemble(Options(NoiseType::kDiagonal, 1, 1), {0}, {0, -200});
  EXPECT_EQ(mixture.sigma[0], 0);
  EXPECT_EQ(mixture.log_scale[0], -200);
  EXPECT_EQ(mixture.FirstNonFiniteRow(0, 1), -1);
}

// What the network models is out of float32's range; what it means is not.
TEST(MixtureHeadTest, SigmaKeepsTheRangeOfItsUnits) {
  for (const auto& [raw, y_scale] :
       {std::pair<float, double>{90, 1e-3}, {-105, 1e12}, {-100, 1e6}}) {
    MixtureHead::Options options = Options(NoiseType::kDiagonal, 1, 1);
    options.y_shift = {0};
    options.y_scale = {y_scale};
    const Mixture mixture = Assemble(options, {0}, {0, raw});
    EXPECT_NEAR(mixture.sigma[0] / (std::exp(raw + kEpsilon) * y_scale), 1, 1e-5) << raw;
  }
}

TEST(MixtureHeadTest, WeightsOfManyComponentsSumToOne) {
  for (const int components : {1024, 65536}) {
    std::vector<float> logits(components, -3.0f);
    logits.front() = 0;
    const Mixture mixture =
        Assemble(Options(NoiseType::kFixed, components, 1), logits, std::vector<float>(components));
    double sum = 0;
    for (const double log_pi : mixture.log_pi) sum += std::exp(log_pi);
    EXPECT_NEAR(sum, 1, 2e-5) << components;
  }
}

TEST(MixtureHeadTest, OverflowOfSigmaIsFound) {
  for (const NoiseType type : {NoiseType::kDiagonal, NoiseType::kIsotropic,
                               NoiseType::kIsotropicAcrossClusters, NoiseType::kFull}) {
    const Mixture mixture = Assemble(Options(type, 1, 1), {0, 0}, {0, 1, 0, 89});
    EXPECT_EQ(mixture.FirstNonFiniteRow(0, 2), 1) << NoiseTypeName(type);
  }
}

TEST(MixtureHeadTest, OutputsThatAreNotFiniteAreFoundInTheirRow) {
  const float nan = std::nanf("");
  const MixtureHead::Options options = Options(NoiseType::kDiagonal, 2, 1);
  const std::vector<float> raw(8);
  EXPECT_EQ(Assemble(options, {0, 0, nan, 0}, raw).FirstNonFiniteRow(0, 2), 1);
  EXPECT_EQ(Assemble(options, {0, 0, 0, nan}, raw).FirstNonFiniteRow(0, 2), 1);
  EXPECT_EQ(Assemble(options, {0, 0, 0, INFINITY}, raw).FirstNonFiniteRow(0, 2), 1);
  EXPECT_EQ(Assemble(options, {0, 0, -INFINITY, -INFINITY}, raw).FirstNonFiniteRow(0, 2), 1);
}

}  // namespace
}  // namespace mdn

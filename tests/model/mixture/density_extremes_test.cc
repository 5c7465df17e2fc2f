#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "model/mixture/density.h"
#include "tests/support/noise_models.h"

namespace mdn {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kLargest = std::numeric_limits<float>::max();
constexpr float kSmallest = std::numeric_limits<float>::denorm_min();
constexpr long double kHalfLogTwoPi = 0.918938533204672741780329736405617640L;

float LogDensityAt(const Mixture& mixture, const std::vector<float>& y) {
  float out = 0;
  LogDensity(mixture.Row(0), y, absl::MakeSpan(&out, 1));
  return out;
}

// One component over two dimensions, L = [exp(log_scale) 0; entry exp(log_scale)].
Mixture FullMixture(float mu, float log_scale, float entry) {
  Mixture mixture;
  mixture.Resize({1, 2, true}, 1);
  const float scale = std::exp(log_scale);
  mixture.mu = {mu, mu};
  mixture.log_scale = {log_scale, log_scale};
  mixture.sigma = {scale, std::hypot(entry, scale)};
  mixture.scale_tril = {scale, 0, entry, scale};
  return mixture;
}

TEST(DensityExtremesTest, IsExactAtTheMeanForEveryScale) {
  for (const float sigma : {1e-37f, 1e-20f, 1e-3f, 1.0f, 1e3f, 1e20f, 1e37f}) {
    const Mixture mixture = DiagonalMixture({0}, {5}, {sigma});
    EXPECT_FLOAT_EQ(LogDensityAt(mixture, {5}), -std::log(sigma) - kHalfLogTwoPi);
  }
}

TEST(DensityExtremesTest, IsExactFarFromTheMean) {
  std::vector<float> sigma_exponents = RandomNumbers(10000, 20, 1);
  std::vector<float> z_exponents = RandomNumbers(10000, 15, 2);
  for (size_t i = 0; i < sigma_exponents.size(); ++i) {
    const float sigma = std::pow(10.0f, sigma_exponents[i]);
    const float y = sigma * std::pow(10.0f, z_exponents[i]);
    const Mixture mixture = DiagonalMixture({0}, {0}, {sigma});
    const long double log_scale = mixture.log_scale[0];
    const long double z = y * std::exp(-log_scale);
    const long double expected = -0.5L * z * z - log_scale - kHalfLogTwoPi;
    ASSERT_FLOAT_EQ(LogDensityAt(mixture, {y}), static_cast<float>(expected));
  }
}

TEST(DensityExtremesTest, FallsToMinusInfinityWhereFloatsEnd) {
  EXPECT_EQ(LogDensityAt(DiagonalMixture({0}, {0}, {1e-20f}), {kLargest}), -kInfinity);
  EXPECT_EQ(LogDensityAt(DiagonalMixture({0}, {-kLargest}, {1}), {kLargest}), -kInfinity);
  EXPECT_EQ(LogDensityAt(DiagonalMixture({0, 0}, {0, 1}, {1, 1}), {1e30f}), -kInfinity);
}

TEST(DensityExtremesTest, TakesScalesFromTheirLogarithmsWhenSigmaUnderflowed) {
  Mixture mixture = DiagonalMixture({0}, {1}, {0});
  mixture.log_scale = {-200};
  EXPECT_FLOAT_EQ(LogDensityAt(mixture, {1}), 200 - kHalfLogTwoPi);
  EXPECT_EQ(LogDensityAt(mixture, {1.5f}), -kInfinity);
}

TEST(DensityExtremesTest, TakesScalesFromTheirLogarithmsBeyondDoubles) {
  Mixture mixture = DiagonalMixture({0}, {1}, {0});
  mixture.log_scale = {-1e6};
  EXPECT_FLOAT_EQ(LogDensityAt(mixture, {1}), 1e6 - kHalfLogTwoPi);
  EXPECT_EQ(LogDensityAt(mixture, {1.5f}), -kInfinity);
}

TEST(DensityExtremesTest, TakesTheTrianglesDiagonalFromItsLogarithm) {
  const Mixture mixture = FullMixture(0, -150, 0);
  EXPECT_EQ(mixture.scale_tril[0], 0);
  EXPECT_FLOAT_EQ(LogDensityAt(mixture, {0, 0}), 300 - 2 * kHalfLogTwoPi);
}

TEST(DensityExtremesTest, LeavesOutComponentsWithoutWeight) {
  const Mixture mixture = DiagonalMixture({-kInfinity, 0, -kInfinity}, {0, 1, 2}, {1, 1, 1});
  EXPECT_FLOAT_EQ(LogDensityAt(mixture, {1}), -kHalfLogTwoPi);
}

TEST(DensityExtremesTest, IsMinusInfinityWithoutAnyWeight) {
  const Mixture mixture = DiagonalMixture({-kInfinity, -kInfinity}, {0, 1}, {1, 1});
  EXPECT_EQ(LogDensityAt(mixture, {0}), -kInfinity);
}

TEST(DensityExtremesTest, AddsComponentsThatNoExponentialCouldHold) {
  const Mixture mixture =
      DiagonalMixture({std::log(0.5f), std::log(0.5f)}, {-1, 1}, {1e-3f, 1e-3f});
  EXPECT_NEAR(LogDensityAt(mixture, {0}), -5e5 + std::log(1e3) - kHalfLogTwoPi, 0.5);
}

TEST(DensityExtremesTest, KeepsASmallTermBesideAHugeOne) {
  const Mixture near = DiagonalMixture({0, -700}, {0, 30}, {1, 1});
  EXPECT_FLOAT_EQ(LogDensityAt(near, {0}), -kHalfLogTwoPi);
  EXPECT_FLOAT_EQ(LogDensityAt(near, {60}), -700 - 450 - kHalfLogTwoPi);
}

TEST(DensityExtremesTest, AComponentThatOverflowsLeavesTheOthersAsTheyAre) {
  Mixture mixture = FullMixture(0, 0, 0);
  mixture.shape.components = 2;
  mixture.log_pi = {0, 0};
  mixture.mu = {1, 0, 0, 0};
  mixture.sigma = {0, 0, 1, 1};
  mixture.log_scale = {-800, -800, 0, 0};
  mixture.scale_tril = {0, 0, 0, 0, 1, 0, 0, 1};
  EXPECT_FLOAT_EQ(LogDensityAt(mixture, {0, 0}), -2 * kHalfLogTwoPi);
}

TEST(DensityExtremesTest, IsNanForAMixtureThatIsNotFinite) {
  EXPECT_TRUE(std::isnan(LogDensityAt(DiagonalMixture({0}, {NAN}, {1}), {0})));
  EXPECT_TRUE(std::isnan(LogDensityAt(DiagonalMixture({0, NAN}, {0, 0}, {1, 1}), {0})));
}

TEST(DensityExtremesTest, IsNeverNanForADiagonalCovariance) {
  const std::vector<float> values = {0, kSmallest, -1, 1e-20f, 1e20f, kLargest, -kLargest};
  for (const float mu : values) {
    for (const float y : values) {
      for (const float log_scale : {-kLargest, -800.0f, -100.0f, 0.0f, 88.0f, 800.0f, kLargest}) {
        Mixture mixture = DiagonalMixture({0}, {mu, 0}, {1, 1});
        mixture.log_scale = {log_scale, -log_scale};
        EXPECT_FALSE(std::isnan(LogDensityAt(mixture, {y, 0})));
        EXPECT_FALSE(std::isnan(LogDensityAt(mixture, {y, y})));
      }
    }
  }
}

TEST(DensityExtremesTest, IsNeverNanForAFullCovariance) {
  const std::vector<float> values = {0, kSmallest, -1, 1e20f, kLargest, -kLargest};
  for (const float y : values) {
    for (const float mu : values) {
      for (const float entry : values) {
        for (const float log_scale : {-kLargest, -800.0f, -100.0f, 0.0f, 800.0f, kLargest}) {
          const Mixture mixture = FullMixture(mu, log_scale, entry);
          EXPECT_FALSE(std::isnan(LogDensityAt(mixture, {y, -y})));
          EXPECT_FALSE(std::isnan(LogDensityAt(mixture, {mu, y})));
        }
      }
    }
  }
}

TEST(DensityTest, AcceptsNoPointAtAll) {
  std::vector<float> none;
  LogDensity(DiagonalMixture({0}, {0}, {1}).Row(0), none, absl::MakeSpan(none));
  EXPECT_TRUE(none.empty());
}

}  // namespace
}  // namespace mdn

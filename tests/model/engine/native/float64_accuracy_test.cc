#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <string>

#include "tests/model/engine/native/network_cases.h"
#include "tests/model/mixture/simd_target_loop.h"

namespace mdn {
namespace {

constexpr int64_t kNetworks = 60;
constexpr int64_t kMostHidden = 160;
constexpr int64_t kRows = 5;

// Without fused multiply-add every product is rounded too.
constexpr double kMostError = 1e-6;
// The error of a raw output is multiplied by exp, and these networks' raw outputs are large.
constexpr double kMostSigmaError = 1e-5;

TEST(Float64AccuracyTest, EveryTargetAgreesWithFloat64OnRandomNetworks) {
  ForEverySimdTarget([](int64_t target) {
    Errors worst;
    for (uint64_t seed = 1; seed <= kNetworks; ++seed) {
      const NetworkCase network = DrawNetworkCase(seed, kRows, kMostHidden);
      const Mixture mixture = Evaluate(*MakeNative(network.checkpoint), network.x);
      const Errors errors =
          ErrorsOf(mixture.log_pi, mixture.mu, mixture.sigma,
                   EvaluateInDouble(network.checkpoint, network.x, kRows), mixture.shape);
      EXPECT_LE(errors.log_pi.largest, kMostError) << network.Name();
      EXPECT_LE(errors.mu.largest, kMostError) << network.Name();
      EXPECT_LE(errors.sigma.largest, kMostSigmaError) << network.Name();
      worst.log_pi.largest = std::max(worst.log_pi.largest, errors.log_pi.largest);
      worst.mu.largest = std::max(worst.mu.largest, errors.mu.largest);
      worst.sigma.largest = std::max(worst.sigma.largest, errors.sigma.largest);
    }
    std::printf("%s: log_pi within %.1e, mu within %.1e, sigma within %.1e\n",
                hwy::TargetName(target), worst.log_pi.largest, worst.mu.largest,
                worst.sigma.largest);
  });
}

// What ErrorsOf does not look at.
TEST(Float64AccuracyTest, LogScaleAndScaleTrilAgreeWithFloat64) {
  for (uint64_t seed = 1; seed <= kNetworks; ++seed) {
    const NetworkCase network = DrawNetworkCase(seed, kRows, kMostHidden);
    const Mixture mixture = Evaluate(*MakeNative(network.checkpoint), network.x);
    const DoubleMixture exact = EvaluateInDouble(network.checkpoint, network.x, kRows);
    ASSERT_EQ(mixture.log_scale.size(), exact.log_scale.size());
    for (size_t i = 0; i < exact.log_scale.size(); ++i) {
      ASSERT_NEAR(mixture.log_scale[i], exact.log_scale[i], kMostSigmaError) << network.Name();
    }
    ASSERT_EQ(mixture.scale_tril.size(), exact.scale_tril.size());
    for (size_t i = 0; i < exact.scale_tril.size(); ++i) {
      const double component_size = exact.sigma[i / mixture.shape.dims];
      ASSERT_NEAR(mixture.scale_tril[i], exact.scale_tril[i],
                  kMostSigmaError * (1 + component_size))
          << network.Name();
    }
  }
}

}  // namespace
}  // namespace mdn

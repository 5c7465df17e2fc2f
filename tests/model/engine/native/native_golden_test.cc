#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "tests/model/engine/native/network_cases.h"
#include "tests/model/mixture/simd_target_loop.h"
#include "tests/support/golden.h"

namespace mdn {
namespace {

constexpr double kMostTimesPyTorch = 4;

/// A file of tests/data, and the golden case whose weights it holds.
struct GoldenFile {
  std::string file;
  std::string golden;
};

template <typename Number>
double WorstError(const std::vector<Number>& got, const std::vector<double>& exact) {
  EXPECT_EQ(got.size(), exact.size());
  double worst = 0;
  for (size_t i = 0; i < std::min(got.size(), exact.size()); ++i) {
    EXPECT_FALSE(std::isnan(got[i]));
    worst = std::max(worst, std::abs(got[i] - exact[i]));
  }
  return worst;
}

class NativeGoldenTest : public testing::TestWithParam<GoldenFile> {
 protected:
  static Checkpoint Load(const GoldenCase& golden) {
    LoadOptions options;
    options.flags.origin = "the test";
    options.flags.noise_type = ParseNoiseType(golden.noise_type);
    auto checkpoint = LoadCheckpoint(std::string(MDN_TEST_DATA) + "/" + GetParam().file, options);
    EXPECT_TRUE(checkpoint.ok()) << checkpoint.status();
    return *std::move(checkpoint);
  }

  /// At most four times the error that PyTorch makes itself in float32.
  static void ExpectParity(const std::string& what, const std::vector<float>& ours,
                           const std::vector<double>& float32, const std::vector<double>& float64) {
    const double ratio = WorstError(ours, float64) / WorstError(float32, float64);
    EXPECT_LE(ratio, kMostTimesPyTorch) << what;
    RecordProperty("ratio_" + what, std::to_string(ratio));
  }
};

TEST_P(NativeGoldenTest, ErrsAtMostFourTimesAsMuchAsPyTorchDoes) {
  const GoldenCase golden = ReadGolden(GetParam().golden);
  const Checkpoint checkpoint = Load(golden);
  ForEverySimdTarget([&](int64_t target) {
    SCOPED_TRACE(hwy::TargetName(target));
    const std::string suffix = std::string("_") + hwy::TargetName(target);
    const Mixture mixture = Evaluate(*MakeNative(checkpoint), golden.x);
    ExpectParity("log_pi" + suffix, mixture.log_pi, golden.float32.log_pi, golden.float64.log_pi);
    ExpectParity("mu" + suffix, mixture.mu, golden.float32.mu, golden.float64.mu);
    if (golden.noise_type == "fixed") {
      for (const float sigma : mixture.sigma) EXPECT_EQ(sigma, 0.3f);
    } else {
      ExpectParity("sigma" + suffix, mixture.sigma, golden.float32.sigma, golden.float64.sigma);
    }
  });
}

INSTANTIATE_TEST_SUITE_P(
    Files, NativeGoldenTest,
    testing::Values(GoldenFile{"ex_1d.pt", "ex_1d"},
                    GoldenFile{"small_diagonal.pt", "small_diagonal"},
                    GoldenFile{"small_isotropic.pt", "small_isotropic"},
                    GoldenFile{"small_isotropic_across_clusters.pt",
                               "small_isotropic_across_clusters"},
                    GoldenFile{"small_fixed.pt", "small_fixed"},
                    GoldenFile{"small_torch26_diagonal.pt", "small_torch26_diagonal"},
                    GoldenFile{"small_training_checkpoint.pt", "small_diagonal"},
                    GoldenFile{"small_data_parallel.pt", "small_diagonal"},
                    GoldenFile{"small_whole_module_pickle.pt", "small_diagonal"},
                    GoldenFile{"small_legacy_format.pt", "small_diagonal"},
                    GoldenFile{"small_float64.pt", "small_diagonal"},
                    GoldenFile{"small_strided.pt", "small_diagonal"}),
    [](const auto& info) { return info.param.file.substr(0, info.param.file.find('.')); });

}  // namespace
}  // namespace mdn

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "model/mixture/density.h"
#include "tests/model/mixture/simd_target_loop.h"
#include "tests/support/noise_models.h"

namespace mdn {
namespace {

struct Shape {
  int64_t components;
  int64_t dims;
};

constexpr Shape kShapes[] = {{1, 1}, {5, 1}, {17, 1}, {3, 2}, {8, 4}, {5, 7}, {40, 3}};
constexpr int kNoiseModels[] = {0, 4};  // diagonal, full

// Near and far points, so far that some terms and then all of them vanish.
std::vector<float> Points(int64_t count, int64_t dims) {
  std::vector<float> y = RandomNumbers(count * dims, 3, 4);
  for (size_t i = 0; i < y.size(); ++i)
    y[i] *= std::pow(10.0f, static_cast<float>(i % 11 / 8 * (i % 23)));
  return y;
}

std::vector<float> LogDensities(const Mixture& mixture, const float* y, int64_t count) {
  std::vector<float> out(count);
  LogDensity(mixture.Row(0), {y, static_cast<size_t>(count * mixture.shape.dims)},
             absl::MakeSpan(out));
  return out;
}

bool SameBits(const float* a, const float* b, size_t count) {
  return std::memcmp(a, b, count * sizeof(float)) == 0;
}

TEST(DensityBitsTest, DoNotDependOnHowManyPointsThereAreNorWhere) {
  constexpr int64_t kCount = 150;
  ForEverySimdTarget([](int64_t target) {
    for (const int model : kNoiseModels) {
      for (const Shape& shape : kShapes) {
        const Mixture mixture =
            RandomMixture(EveryNoiseModel(shape.components, shape.dims)[model], 1, 3);
        const std::vector<float> y = Points(kCount, shape.dims);
        const std::vector<float> together = LogDensities(mixture, y.data(), kCount);
        for (int64_t begin = 0; begin < kCount; begin += 7) {
          for (const int64_t count : {1, 2, 3, 8, 9, 31, 33, 64, 65}) {
            if (begin + count > kCount) break;
            const std::vector<float> some = LogDensities(mixture, &y[begin * shape.dims], count);
            ASSERT_TRUE(SameBits(some.data(), &together[begin], count))
                << hwy::TargetName(target) << ": " << count << " points from " << begin
                << ", K=" << shape.components << ", D=" << shape.dims;
          }
        }
      }
    }
  });
}

TEST(DensityBitsTest, AreTheSameOnEveryTargetThatRoundsAlike) {
  constexpr int64_t kCount = 333;
  for (const int model : kNoiseModels) {
    for (const Shape& shape : kShapes) {
      const Mixture mixture =
          RandomMixture(EveryNoiseModel(shape.components, shape.dims)[model], 1, 5);
      const std::vector<float> y = Points(kCount, shape.dims);
      std::vector<float> expected[2];
      ForEverySimdTarget([&](int64_t target) {
        const std::vector<float> out = LogDensities(mixture, y.data(), kCount);
        std::vector<float>& first = expected[FusesMultiplyAdd(target)];
        if (first.empty()) first = out;
        EXPECT_TRUE(SameBits(out.data(), first.data(), kCount))
            << hwy::TargetName(target) << ", K=" << shape.components << ", D=" << shape.dims;
      });
    }
  }
}

TEST(DensityBitsTest, EveryTargetEndsAtMinusInfinity) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const Mixture mixture = DiagonalMixture({-1, -0.5f}, {0, 1}, {1e-20f, 1});
  ForEverySimdTarget([&](int64_t target) {
    for (const float y : {1e20f, -1e30f, std::numeric_limits<float>::max()}) {
      EXPECT_EQ(LogDensities(mixture, &y, 1)[0], -kInfinity) << hwy::TargetName(target);
    }
  });
}

TEST(DensityBitsTest, WritesNothingBehindTheLastPoint) {
  const Mixture mixture = RandomMixture(EveryNoiseModel(5, 2)[0], 1, 3);
  const std::vector<float> y = Points(80, 2);
  for (size_t count = 0; count <= 80; ++count) {
    std::vector<float> out(count + 64, 77);
    LogDensity(mixture.Row(0), {y.data(), 2 * count}, absl::MakeSpan(out).first(count));
    EXPECT_EQ(std::count(out.begin() + count, out.end(), 77), 64);
  }
}

}  // namespace
}  // namespace mdn

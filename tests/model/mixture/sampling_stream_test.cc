#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "model/mixture/component_choice.h"
#include "model/mixture/philox.h"
#include "model/mixture/sampling.h"
#include "tests/model/mixture/draws.h"
#include "tests/model/mixture/simd_target_loop.h"
#include "tests/support/noise_models.h"

namespace mdn {
namespace {

using ::testing::ElementsAre;

constexpr double kPi = 3.14159265358979323846;
constexpr int kDiagonal = 0;
constexpr int kFull = 4;

bool SameBits(const std::vector<float>& a, const std::vector<float>& b, size_t count) {
  return std::memcmp(a.data(), b.data(), count * sizeof(float)) == 0;
}

// The stream that sampling.h documents, one sample at a time and in double.
class ReferenceStream {
 public:
  ReferenceStream(const Mixture& mixture, const SamplingOptions& options, uint64_t row)
      : mixture_(mixture.Row(0)), options_(options), row_(row) {
    cumulative_.resize(mixture.shape.components);
    CumulativeWeights(mixture_.log_pi, options.pi_temperature, absl::MakeSpan(cumulative_));
  }

  int Component(uint32_t sample) const {
    const double u = (Block(0, sample / 2)[sample % 2] + 0.5) * 0x1p-32;
    return std::upper_bound(cumulative_.begin(), cumulative_.end(), u) - cumulative_.begin();
  }

  std::vector<double> Normals(uint32_t sample) const {
    std::vector<double> z;
    for (int64_t dim = 0; dim < mixture_.shape.dims; ++dim) {
      const PhiloxCounter words = Block((dim + 1) / 2, sample / 2);
      z.push_back(dim % 2 == 1 ? Normal(words[0], words[1], sample % 2)
                               : Normal(words[2], words[3], sample % 2));
    }
    return z;
  }

  std::vector<double> Sample(uint32_t sample) const {
    const int64_t dims = mixture_.shape.dims;
    const int k = Component(sample);
    const std::vector<double> z = Normals(sample);
    std::vector<double> y;
    for (int64_t d = 0; d < dims; ++d) {
      double offset = 0;
      if (mixture_.shape.full_covariance) {
        const float* l = &mixture_.scale_tril[(k * dims + d) * dims];
        for (int64_t j = 0; j <= d; ++j) offset += l[j] * z[j];
      } else {
        offset = mixture_.sigma[k * dims + d] * z[d];
      }
      y.push_back(mixture_.mu[k * dims + d] + options_.sigma_scale * offset);
    }
    return y;
  }

 private:
  PhiloxCounter Block(uint32_t block, uint32_t pair) const {
    return Philox(
        {block, pair, static_cast<uint32_t>(row_), static_cast<uint32_t>(row_ >> 32)},
        {static_cast<uint32_t>(options_.seed), static_cast<uint32_t>(options_.seed >> 32)});
  }

  static double Normal(uint32_t r, uint32_t a, bool odd_sample) {
    const double radius = std::sqrt(-2 * std::log((r + 0.5) * 0x1p-32));
    const double v = static_cast<int32_t>(a | 1) * 0x1p-32 * kPi;
    if (odd_sample) return radius * std::sin(v);
    return radius * std::cos(v) * (a & 1 ? -1 : 1);
  }

  MixtureRow mixture_;
  SamplingOptions options_;
  uint64_t row_;
  std::vector<double> cumulative_;
};

constexpr SamplingOptions kOptions[] = {
    {0x0123456789abcdef, 1, 1}, {7, 0.5f, 2.5f}, {8, 0, 1}, {9, 3, 0}};
constexpr int64_t kRow = 0x223344556677;

TEST(SamplingStreamTest, IsTheDocumentedOne) {
  constexpr int64_t kCount = 300;
  ForEverySimdTarget([](int64_t target) {
    for (const int model : {kDiagonal, kFull}) {
      for (const int64_t components : {1, 2, 5, 8, 9, 16, 17, 40}) {
        for (const int64_t dims : {1, 2, 3, 4, 5, 9}) {
          const Mixture mixture = RandomMixture(EveryNoiseModel(components, dims)[model], 1, 1, 2);
          const SamplingOptions& options = kOptions[(components + dims) % 4];
          const ReferenceStream reference(mixture, options, kRow);
          const Draws draws = Draw(mixture, kCount, options, kRow);
          for (int64_t s = 0; s < kCount; ++s) {
            ASSERT_EQ(draws.components[s], reference.Component(s));
            const std::vector<double> expected = reference.Sample(s);
            for (int64_t d = 0; d < dims; ++d) {
              ASSERT_NEAR(draws.samples[s * dims + d], expected[d],
                          2e-5 * (1 + options.sigma_scale))
                  << hwy::TargetName(target) << ", K=" << components << ", D=" << dims;
            }
          }
        }
      }
    }
  });
}

Mixture StandardNormal(int64_t dims) {
  return DiagonalMixture({0}, std::vector<float>(dims, 0), std::vector<float>(dims, 1));
}

TEST(SamplingStreamTest, NormalNumbersAreAccurateToFloat) {
  constexpr int64_t kCount = 400'000;
  const Mixture mixture = StandardNormal(1);
  const ReferenceStream reference(mixture, kOptions[0], 0);
  ForEverySimdTarget([&](int64_t target) {
    const Draws draws = Draw(mixture, kCount, kOptions[0]);
    double worst = 0;
    for (int64_t s = 0; s < kCount; ++s) {
      worst = std::max(worst, std::fabs(draws.samples[s] - reference.Normals(s)[0]));
    }
    std::printf("%s: at most %.3g from the exact number\n", hwy::TargetName(target), worst);
    EXPECT_LT(worst, 1e-6);
  });
}

TEST(SamplingStreamTest, BitsDoNotDependOnTheNumberOfSamples) {
  for (const int model : {kDiagonal, kFull}) {
    for (const int64_t dims : {1, 2, 3, 4, 7}) {
      const Mixture mixture = RandomMixture(EveryNoiseModel(5, dims)[model], 1, 4);
      const Draws many = Draw(mixture, 1000);
      for (int64_t count = 1; count <= 140; ++count) {
        const Draws few = Draw(mixture, count);
        ASSERT_TRUE(SameBits(few.samples, many.samples, count * dims)) << count << " samples";
        ASSERT_TRUE(
            std::equal(few.components.begin(), few.components.end(), many.components.begin()));
      }
    }
  }
}

TEST(SamplingStreamTest, ASamplesBitsDoNotDependOnWhichOneComesFirst) {
  for (const int model : {kDiagonal, kFull}) {
    for (const int64_t dims : {1, 2, 5}) {
      const Mixture mixture = RandomMixture(EveryNoiseModel(5, dims)[model], 1, 4);
      const Draws all = Draw(mixture, 500);
      for (const int64_t first : {2, 14, 256, 498}) {
        SamplingOptions options;
        options.first_sample = first;
        const Draws rest = Draw(mixture, 500 - first, options);
        EXPECT_EQ(std::memcmp(rest.samples.data(), &all.samples[first * dims],
                              rest.samples.size() * sizeof(float)),
                  0);
        EXPECT_TRUE(std::equal(rest.components.begin(), rest.components.end(),
                               all.components.begin() + first));
      }
    }
  }
}

TEST(SamplingStreamTest, WritesNothingBehindTheLastSample) {
  for (const int64_t dims : {1, 2, 4, 6}) {
    const Mixture mixture = RandomMixture(EveryNoiseModel(5, dims)[kDiagonal], 1, 4);
    for (int64_t count = 0; count <= 140; ++count) {
      std::vector<float> samples(count * dims + 64, 77);
      std::vector<int32_t> components(count + 64, 77);
      DrawSamples(mixture.Row(0), {}, 0, absl::MakeSpan(samples).first(count * dims),
                  absl::MakeSpan(components).first(count));
      EXPECT_EQ(std::count(samples.begin() + count * dims, samples.end(), 77), 64);
      EXPECT_EQ(std::count(components.begin() + count, components.end(), 77), 64);
    }
  }
}

TEST(SamplingStreamTest, GivesTheSameBitsOnEveryTargetThatRoundsAlike) {
  for (const int model : {kDiagonal, kFull}) {
    for (const int64_t components : {1, 3, 5, 8, 13, 16, 33}) {
      for (const int64_t dims : {1, 2, 3, 4, 6}) {
        const Mixture mixture = RandomMixture(EveryNoiseModel(components, dims)[model], 1, 5);
        Draws expected[2];
        ForEverySimdTarget([&](int64_t target) {
          const Draws draws = Draw(mixture, 333);
          Draws& first = expected[FusesMultiplyAdd(target)];
          if (first.samples.empty()) first = draws;
          EXPECT_TRUE(SameBits(draws.samples, first.samples, draws.samples.size()))
              << hwy::TargetName(target) << ", K=" << components << ", D=" << dims;
          EXPECT_EQ(draws.components, first.components);
        });
        EXPECT_EQ(expected[0].components, expected[1].components);
      }
    }
  }
}

TEST(SamplingStreamTest, IsFiniteForTheLargestParameters) {
  constexpr float kLargest = std::numeric_limits<float>::max();
  // Also those at the end of what needs no attention, and just beyond it.
  for (const float size : {kLargest, kLargest / 40, kLargest / 39}) {
    Mixture mixture = RandomMixture(EveryNoiseModel(3, 4)[kFull], 1, 6);
    for (std::vector<float>* values : {&mixture.mu, &mixture.scale_tril}) {
      for (float& value : *values) value = value < 0 ? -size : value > 0 ? size : 0;
    }
    ForEverySimdTarget([&](int64_t target) {
      for (const float sigma_scale : {0.0f, 1.0f, kLargest}) {
        for (const float sample : Draw(mixture, 1000, {1, 1, sigma_scale}).samples) {
          ASSERT_TRUE(std::isfinite(sample)) << hwy::TargetName(target);
        }
      }
    });
  }
}

// Known values, so that a change of a bit is seen on whatever machine runs this.
TEST(SamplingStreamTest, KeepsItsBits) {
  const Mixture mixture = DiagonalMixture({-1.5f, -0.5f, -1.75f}, {-4, 2, 0, 1, 4, -2, 0.5f, 3, -1},
                                          {0.5f, 1, 2, 0.25f, 3, 0.1f, 1, 1, 7});
  ForEverySimdTarget([&](int64_t target) {
    const Draws draws = Draw(mixture, 3, {20240607, 1, 1}, 2);
    EXPECT_THAT(draws.components, ElementsAre(0, 1, 0));
    if (!FusesMultiplyAdd(target)) return;
    EXPECT_THAT(draws.samples, ElementsAre(-0x1.913676p+1f, -0x1.b3165p-2f, -0x1.ff2a94p+1f,
                                           0x1.0f3d48p+0f, 0x1.329658p+1f, -0x1.057062p+1f,
                                           -0x1.1e638ap+2f, 0x1.80efcap+0f, -0x1.5e817p+1f));
  });
}

}  // namespace
}  // namespace mdn

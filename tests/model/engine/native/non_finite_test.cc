#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "tests/model/engine/native/network_cases.h"
#include "tests/model/mixture/simd_target_loop.h"

namespace mdn {
namespace {

using ::testing::Each;
using ::testing::IsNan;

constexpr float kInfinity = std::numeric_limits<float>::infinity();
// Its product with x of 10 overflows.
constexpr float kHuge = 3e38f;
// More than a vector, and no whole number of them.
constexpr int64_t kHidden = 37;

constexpr const char* kNetworks[] = {"pi_network", "normal_network"};

/// What stands in column `input` of a layer's weights of both networks.
void SetColumn(Checkpoint& checkpoint, const std::string& layer, int64_t input, float value) {
  for (const std::string network : kNetworks) {
    Tensor& weight = checkpoint.tensors.at(network + "." + layer + ".weight");
    for (int64_t o = 0; o < weight.shape[0]; ++o) {
      weight.values[o * weight.shape[1] + input] = value;
    }
  }
}

void Fill(Checkpoint& checkpoint, const std::string& layer, float weight, float bias) {
  for (const std::string network : kNetworks) {
    for (float& value : checkpoint.tensors.at(network + "." + layer + ".weight").values) {
      value = weight;
    }
    for (float& value : checkpoint.tensors.at(network + "." + layer + ".bias").values) value = bias;
  }
}

/// A network of one feature whose first two hidden units of each network are infinite for x = 10.
/// A unit of the second layer adds `first` times the one and `second` times the other.
Checkpoint Overflowing(float first, float second) {
  Checkpoint checkpoint = RandomCheckpoint({1, 3, 5, kHidden}, NoiseType::kDiagonal, /*seed=*/11);
  for (const std::string network : kNetworks) {
    for (const int unit : {0, 1}) {
      checkpoint.tensors.at(network + ".0.weight").values[unit] = kHuge;
    }
  }
  SetColumn(checkpoint, "2", 0, first);
  SetColumn(checkpoint, "2", 1, second);
  return checkpoint;
}

std::vector<float> Row(const std::vector<float>& numbers, const Mixture& mixture, int64_t row) {
  const int64_t width = static_cast<int64_t>(numbers.size()) / mixture.rows;
  return {numbers.begin() + row * width, numbers.begin() + (row + 1) * width};
}

void ExpectNaNsInRow(const Mixture& mixture, int64_t row) {
  EXPECT_THAT(Row(mixture.log_pi, mixture, row), Each(IsNan()));
  EXPECT_THAT(Row(mixture.mu, mixture, row), Each(IsNan()));
  EXPECT_THAT(Row(mixture.sigma, mixture, row), Each(IsNan()));
  EXPECT_THAT(Row(mixture.log_scale, mixture, row), Each(IsNan()));
}

/// For batches that take different paths through the kernels: evaluates x of zeros but for one row,
/// and calls check(mixture, that row). The other rows are finite.
template <typename Check>
void ForEveryTargetAndBatch(const Checkpoint& checkpoint, float x, Check check) {
  ForEverySimdTarget([&](int64_t target) {
    const auto engine = MakeNative(checkpoint);
    for (const int64_t rows : {1, 2, 3, 7, 40, 130}) {
      SCOPED_TRACE(std::string(hwy::TargetName(target)) + ", " + std::to_string(rows) + " rows");
      const int64_t row = rows / 2;
      std::vector<float> batch(rows, 0.0f);
      batch[row] = x;
      const Mixture mixture = Evaluate(*engine, batch);
      EXPECT_EQ(mixture.FirstNonFiniteRow(0, row), -1);
      EXPECT_EQ(mixture.FirstNonFiniteRow(row + 1, rows), -1);
      check(mixture, row);
    }
  });
}

TEST(NonFiniteTest, ANaNOfTheInputReachesEveryNumberOfItsRow) {
  ForEveryTargetAndBatch(Overflowing(0, 0), std::nanf(""), ExpectNaNsInRow);
}

TEST(NonFiniteTest, InfinityMinusInfinityInsideTheNetworkReachesEveryNumberOfItsRow) {
  ForEveryTargetAndBatch(Overflowing(1, -1), 10, [](const Mixture& mixture, int64_t row) {
    ExpectNaNsInRow(mixture, row);
    EXPECT_EQ(mixture.FirstNonFiniteRow(0, mixture.rows), row);
  });
}

TEST(NonFiniteTest, InfinityTimesZeroInsideTheNetworkReachesEveryNumberOfItsRow) {
  ForEveryTargetAndBatch(Overflowing(0, 1), 10, ExpectNaNsInRow);
}

TEST(NonFiniteTest, AnInfiniteOutputStaysInfinite) {
  Checkpoint checkpoint = Overflowing(1, 1);
  Fill(checkpoint, "4", 0.25f, 0);
  ForEveryTargetAndBatch(checkpoint, 10, [](const Mixture& mixture, int64_t row) {
    EXPECT_THAT(Row(mixture.log_pi, mixture, row), Each(IsNan()));
    EXPECT_THAT(Row(mixture.mu, mixture, row), Each(kInfinity));
    EXPECT_THAT(Row(mixture.sigma, mixture, row), Each(kInfinity));
    EXPECT_THAT(Row(mixture.log_scale, mixture, row), Each(kInfinity));
    EXPECT_EQ(mixture.FirstNonFiniteRow(0, mixture.rows), row);
  });
}

TEST(NonFiniteTest, ReluMakesAZeroOfMinusInfinity) {
  Checkpoint checkpoint = Overflowing(-1, -1);
  Fill(checkpoint, "4", 0.25f, 0.5f);
  ForEveryTargetAndBatch(checkpoint, 10, [](const Mixture& mixture, int64_t row) {
    EXPECT_THAT(Row(mixture.mu, mixture, row), Each(0.5f));
    EXPECT_EQ(mixture.FirstNonFiniteRow(0, mixture.rows), -1);
  });
}

}  // namespace
}  // namespace mdn

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "tests/model/engine/native/network_cases.h"
#include "tests/model/engine/native/row_bits.h"
#include "tests/model/mixture/simd_target_loop.h"
#include "tests/support/noise_models.h"

namespace mdn {
namespace {

constexpr int64_t kPoolRows = 263;
// Two blocks of rows and one row more.
constexpr int64_t kMostBatchRows = 257;

struct InvarianceCase {
  NetworkSize size;
  NoiseType noise_type;
};

/// Rows of a network, each of which was evaluated alone.
class BatchInvarianceTest : public testing::TestWithParam<InvarianceCase> {
 protected:
  BatchInvarianceTest() : network_(CaseOf(GetParam().size, GetParam().noise_type, kPoolRows, 5)) {}

  absl::Span<const float> Row(int64_t row) const {
    const int64_t features = network_.checkpoint.config.dim_in;
    return absl::MakeConstSpan(network_.x).subspan(row * features, features);
  }

  std::vector<Mixture> EvaluateAlone(const Engine& engine) const {
    std::vector<Mixture> alone;
    for (int64_t row = 0; row < kPoolRows; ++row) alone.push_back(Evaluate(engine, Row(row)));
    return alone;
  }

  /// Which row stands where in a batch: every place sees other rows, beside other rows.
  static int64_t Member(int64_t rows, int64_t place) { return (37 * rows + place) % kPoolRows; }

  std::vector<float> Batch(int64_t rows) const {
    std::vector<float> x;
    for (int64_t place = 0; place < rows; ++place) {
      const absl::Span<const float> row = Row(Member(rows, place));
      x.insert(x.end(), row.begin(), row.end());
    }
    return x;
  }

  const NetworkCase network_;
};

TEST_P(BatchInvarianceTest, ARowHasTheSameBitsAloneAndAtEveryPlaceOfEveryBatch) {
  ForEverySimdTarget([this](int64_t target) {
    const auto engine = MakeNative(network_.checkpoint);
    const std::vector<Mixture> alone = EvaluateAlone(*engine);
    for (int64_t rows = 1; rows <= kMostBatchRows; ++rows) {
      const Mixture mixture = Evaluate(*engine, Batch(rows));
      for (int64_t place = 0; place < rows; ++place) {
        ASSERT_TRUE(SameBits(mixture.Row(place), alone[Member(rows, place)].Row(0)))
            << hwy::TargetName(target) << ", place " << place << " of " << rows;
      }
    }
  });
}

TEST_P(BatchInvarianceTest, NoStrangerChangesARowsBits) {
  constexpr int64_t kRows = 30;
  const float strangers[] = {std::nanf(""), std::numeric_limits<float>::infinity(), 1e30f, -1e30f};
  const int64_t features = network_.checkpoint.config.dim_in;
  ForEverySimdTarget([&](int64_t target) {
    const auto engine = MakeNative(network_.checkpoint);
    std::vector<float> x(network_.x.begin(), network_.x.begin() + kRows * features);
    const Mixture expected = Evaluate(*engine, x);
    for (int64_t i = 0; i < kRows * features; ++i) {
      if (i / features % 2 == 1) x[i] = strangers[i % 4];
    }
    const Mixture mixture = Evaluate(*engine, x);
    for (int64_t row = 0; row < kRows; row += 2) {
      ASSERT_TRUE(SameBits(mixture.Row(row), expected.Row(row)))
          << hwy::TargetName(target) << ", row " << row;
    }
  });
}

TEST_P(BatchInvarianceTest, EveryTargetWithFusedMultiplyAddGivesTheSameBits) {
  std::map<int64_t, Mixture> first;
  ForEverySimdTarget([&](int64_t target) {
    if (!FusesMultiplyAdd(target)) return;
    const auto engine = MakeNative(network_.checkpoint);
    for (const int64_t rows : {int64_t{1}, int64_t{6}, kMostBatchRows}) {
      const Mixture mixture = Evaluate(*engine, Batch(rows));
      const auto found = first.emplace(rows, mixture).first;
      for (int64_t row = 0; row < rows; ++row) {
        ASSERT_TRUE(SameBits(mixture.Row(row), found->second.Row(row)))
            << hwy::TargetName(target) << ", row " << row << " of " << rows;
      }
    }
  });
}

std::vector<float> ChainsOfFusedMultiplyAdds(const Checkpoint& checkpoint, const std::string& layer,
                                             const std::vector<float>& inputs) {
  const Tensor& weight = checkpoint.tensors.at("normal_network." + layer + ".weight");
  std::vector<float> sums = checkpoint.tensors.at("normal_network." + layer + ".bias").values;
  for (size_t o = 0; o < sums.size(); ++o) {
    for (size_t i = 0; i < inputs.size(); ++i) {
      sums[o] = std::fma(inputs[i], weight.values[o * inputs.size() + i], sums[o]);
    }
  }
  return sums;
}

std::vector<float> Relu(std::vector<float> values) {
  for (float& value : values) value = std::max(value, 0.0f);
  return values;
}

// So the bits are those of every other processor too.
TEST_P(BatchInvarianceTest, MeansAreChainsOfFusedMultiplyAddsInTheOrderOfTheInputs) {
  constexpr int64_t kRows = 20;
  const Checkpoint& checkpoint = network_.checkpoint;
  ForEverySimdTarget([&](int64_t target) {
    if (!FusesMultiplyAdd(target)) return;
    const Mixture mixture =
        Evaluate(*MakeNative(checkpoint),
                 absl::MakeConstSpan(network_.x).first(kRows * checkpoint.config.dim_in));
    for (int64_t row = 0; row < kRows; ++row) {
      const absl::Span<const float> x = Row(row);
      const std::vector<float> first =
          Relu(ChainsOfFusedMultiplyAdds(checkpoint, "0", {x.begin(), x.end()}));
      const std::vector<float> second = Relu(ChainsOfFusedMultiplyAdds(checkpoint, "2", first));
      std::vector<float> third = ChainsOfFusedMultiplyAdds(checkpoint, "4", second);
      const absl::Span<const float> mu = mixture.Row(row).mu;
      third.resize(mu.size());
      ASSERT_EQ(std::vector<float>(mu.begin(), mu.end()), third)
          << hwy::TargetName(target) << ", row " << row;
    }
  });
}

std::string CaseName(const testing::TestParamInfo<InvarianceCase>& info) {
  const NetworkSize& size = info.param.size;
  return std::string(NoiseTypeName(info.param.noise_type)) + "_in" + std::to_string(size.dim_in) +
         "_D" + std::to_string(size.dim_out) + "_K" + std::to_string(size.n_components) + "_H" +
         std::to_string(size.hidden_dim);
}

// Widths on both sides of whole vectors and whole panels: H, K, and K * D with the scales.
INSTANTIATE_TEST_SUITE_P(OddSizes, BatchInvarianceTest,
                         testing::Values(InvarianceCase{{1, 1, 1, 1}, NoiseType::kDiagonal},
                                         InvarianceCase{{2, 1, 3, 3}, NoiseType::kFull},
                                         InvarianceCase{{3, 2, 4, 15}, NoiseType::kIsotropic},
                                         InvarianceCase{{1, 3, 5, 16}, NoiseType::kFull},
                                         InvarianceCase{{2, 4, 4, 17},
                                                        NoiseType::kIsotropicAcrossClusters},
                                         InvarianceCase{{1, 1, 3, 50}, NoiseType::kDiagonal},
                                         InvarianceCase{{3, 8, 8, 63}, NoiseType::kFixed},
                                         InvarianceCase{{2, 3, 11, 65}, NoiseType::kDiagonal},
                                         InvarianceCase{{3, 1, 17, 128}, NoiseType::kFull},
                                         InvarianceCase{{3, 5, 16, 50}, NoiseType::kIsotropic}),
                         CaseName);

}  // namespace
}  // namespace mdn

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "hwy/aligned_allocator.h"
#include "model/mixture/noise_model.h"
#include "tests/model/mixture/mixture_bits.h"
#include "tests/model/mixture/simd_target_loop.h"
#include "tests/support/noise_models.h"

namespace mdn {
namespace {

struct Size {
  int64_t components;
  int64_t dims;
};

// Columns in whole quads, and some more and fewer; components of more than one block of a sum.
constexpr Size kSizes[] = {{1, 1}, {2, 1}, {3, 1}, {4, 2}, {5, 3}, {5, 4}, {17, 2}, {70, 1}};
// A multiple of any vector's lanes.
constexpr int64_t kRows = 48;
constexpr int64_t kRowsBefore = 2;
constexpr int64_t kRowsBehind = 3;

/// [rows, columns] as columns.
hwy::AlignedFreeUniquePtr<float[]> ColumnsOf(const std::vector<float>& rows, int64_t columns) {
  auto transposed = hwy::AllocateAligned<float>(rows.size());
  for (int64_t i = 0; i < static_cast<int64_t>(rows.size()); ++i) {
    transposed[i % columns * kRows + i / columns] = rows[i];
  }
  return transposed;
}

Mixture Filled(const MixtureHead& head, float number) {
  Mixture mixture;
  mixture.Resize(head.shape(), kRowsBefore + kRows + kRowsBehind);
  for (const auto array : kArrays)
    std::fill((mixture.*array).begin(), (mixture.*array).end(), number);
  return mixture;
}

/// A mixture of 7s, but for the rows behind kRowsBefore.
Mixture AssembleColumns(const MixtureHead& head, const std::vector<float>& logits,
                        const std::vector<float>& normal) {
  const int64_t components = head.options().components;
  const int64_t channels = head.normal_channels();
  const auto logit_columns = ColumnsOf(logits, components);
  const auto normal_columns = ColumnsOf(normal, channels);
  const auto spare =
      hwy::AllocateAligned<float>(kRows * (components + channels + 2 * MixtureHead::kRowPadding));
  Mixture mixture = Filled(head, 7);
  head.AssembleColumns({logit_columns.get(), normal_columns.get(), kRows, spare.get()}, kRowsBefore,
                       mixture);
  return mixture;
}

/// The same, row by row.
Mixture AssembleRows(const MixtureHead& head, const std::vector<float>& logits,
                     const std::vector<float>& normal) {
  Mixture rows;
  head.Assemble(logits, normal, kRows, rows);
  Mixture mixture = Filled(head, 7);
  for (const auto array : kArrays) {
    const int64_t width = static_cast<int64_t>((rows.*array).size()) / kRows;
    std::copy((rows.*array).begin(), (rows.*array).end(),
              (mixture.*array).begin() + kRowsBefore * width);
  }
  return mixture;
}

/// Calls check(head) on every target for every noise model, with and without a change of units.
template <typename Check>
void ForEveryHead(Check check) {
  ForEverySimdTarget([&](int64_t target) {
    for (const Size& size : kSizes) {
      for (MixtureHead::Options options : EveryNoiseModel(size.components, size.dims)) {
        for (const bool scaled : {false, true}) {
          for (int64_t d = 0; scaled && d < size.dims; ++d) {
            options.y_shift.push_back(d - 0.75);
            options.y_scale.push_back(0.125 + 3.5 * d);
          }
          SCOPED_TRACE(std::string(hwy::TargetName(target)) + " " + NoiseModelName(options) + " " +
                       std::to_string(size.components) + "x" + std::to_string(size.dims) +
                       (scaled ? " scaled" : ""));
          check(MixtureHead(options));
        }
      }
    }
  });
}

TEST(AssembleColumnsTest, GivesTheBitsOfRowsAndLeavesOtherRowsAsTheyAre) {
  ForEveryHead([](const MixtureHead& head) {
    const std::vector<float> logits = RandomNumbers(kRows * head.options().components, 5, 1);
    const std::vector<float> normal = RandomNumbers(kRows * head.normal_channels(), 3, 2);
    ExpectSameBits(AssembleColumns(head, logits, normal), AssembleRows(head, logits, normal));
  });
}

TEST(AssembleColumnsTest, ExtremeAndNonFiniteOutputsGiveWhatRowsGive) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  constexpr float kExtremes[] = {kInfinity, -kInfinity, std::numeric_limits<float>::quiet_NaN(),
                                 1e30f,     -1e30f,     -104.5f,
                                 88.9f,     -87.5f};
  ForEveryHead([&](const MixtureHead& head) {
    std::vector<float> logits = RandomNumbers(kRows * head.options().components, 5, 1);
    std::vector<float> normal = RandomNumbers(kRows * head.normal_channels(), 3, 2);
    for (size_t i = 0; i < logits.size(); i += 7) logits[i] = kExtremes[i / 7 % 8];
    for (size_t i = 0; i < normal.size(); i += 5) normal[i] = kExtremes[i / 5 % 8];
    ExpectSameBits(AssembleColumns(head, logits, normal), AssembleRows(head, logits, normal));
  });
}

}  // namespace
}  // namespace mdn

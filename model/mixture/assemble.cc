#include <algorithm>
#include <cassert>
#include <cmath>

#include "model/mixture/noise_model.h"
#include "model/mixture/simd_targets.h"

#ifndef MDN_MODEL_MIXTURE_ASSEMBLE_TILE
#define MDN_MODEL_MIXTURE_ASSEMBLE_TILE
namespace mdn {
namespace {
// Numbers whose functions are computed together.
constexpr int64_t kTile = 256;
}  // namespace
}  // namespace mdn
#endif

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "model/mixture/assemble.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
// Behind foreach_target.h.
#include "hwy/highway.h"
#include "model/mixture/vector_math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace mdn {
namespace HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;
using Tag = hn::ScalableTag<float>;

// Numbers on their way through whole vectors: up to kTile of them, and then zeros.
class Tile {
 public:
  float* values() { return values_; }

  template <typename Function>
  void Replace(int64_t count, const Function& function) {
    const Tag tag;
    hn::StoreU(hn::Zero(tag), tag, values_ + count);
    for (int64_t i = 0; i < count; i += static_cast<int64_t>(hn::Lanes(tag))) {
      hn::Store(function(tag, hn::Load(tag, values_ + i)), tag, values_ + i);
    }
  }

 private:
  HWY_ALIGN_MAX float values_[kTile + HWY_MAX_BYTES / sizeof(float)];
};

// The sum of exp over each row of numbers [rows, width], added in order.
void SumExps(const float* numbers, int64_t rows, int64_t width, float* sums) {
  Tile exps;
  int64_t column = 0;
  float sum = 0;
  for (int64_t left = rows * width; left > 0;) {
    const int64_t count = std::min(left, kTile);
    std::copy_n(numbers, count, exps.values());
    exps.Replace(count, [](Tag tag, auto x) { return Exp(tag, x); });
    for (int64_t i = 0; i < count; ++i) {
      sum += exps.values()[i];
      if (++column < width) continue;
      *sums++ = sum;
      sum = 0;
      column = 0;
    }
    numbers += count;
    left -= count;
  }
}

// At most kTile rows.
void LogSoftmax(const float* logits, int64_t stride, int64_t rows, int64_t components,
                float* log_pi) {
  for (int64_t row = 0; row < rows; ++row) {
    const float* from = logits + row * stride;
    float* to = log_pi + row * components;
    const float highest = *std::max_element(from, from + components);
    for (int64_t k = 0; k < components; ++k) to[k] = from[k] - highest;
  }
  Tile sums;
  SumExps(log_pi, rows, components, sums.values());
  sums.Replace(rows, [](Tag tag, auto x) { return Log(tag, x); });
  for (int64_t row = 0; row < rows; ++row) {
    float* to = log_pi + row * components;
    for (int64_t k = 0; k < components; ++k) to[k] -= sums.values()[row];
  }
}

// exp(raw + epsilon) of rows [rows, columns] whose columns stand at `channels` in a row of `raw`.
// At most kTile numbers. The sum's rounding would cost precision where raw is large, so epsilon's
// part is a factor: exp(epsilon) is 1 + epsilon in float32.
void ExpChannels(const float* raw, int64_t stride, int64_t rows, const int64_t* channels,
                 int64_t columns, float* exps) {
  Tile tile;
  float* to = tile.values();
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t c = 0; c < columns; ++c) *to++ = raw[row * stride + channels[c]];
  }
  tile.Replace(rows * columns, [](Tag tag, auto x) {
    const auto exp = Exp(tag, x);
    return hn::MulAdd(exp, hn::Set(tag, static_cast<float>(kScaleEpsilon)), exp);
  });
  std::copy_n(tile.values(), rows * columns, exps);
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace mdn
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mdn {
namespace {

HWY_EXPORT(LogSoftmax);
HWY_EXPORT(ExpChannels);

}  // namespace

void MixtureHead::Assemble(absl::Span<const float> logits, absl::Span<const float> raw,
                           int64_t rows, Mixture& mixture) const {
  assert(logits.size() == rows * options_.components && raw.size() == rows * normal_channels());
  mixture.Resize(shape(), rows);
  AssembleRows({logits.data(), options_.components, raw.data(), normal_channels()}, 0, rows,
               mixture);
}

void MixtureHead::AssembleRows(const RawOutputs& raw, int64_t first_row, int64_t rows,
                               Mixture& mixture) const {
  assert(first_row >= 0 && first_row + rows <= mixture.rows);
  const int64_t components = options_.components;
  for (int64_t row = 0; row < rows; row += kTile) {
    HWY_DYNAMIC_DISPATCH(LogSoftmax)
    (raw.logits + row * raw.logits_stride, raw.logits_stride, std::min(kTile, rows - row),
     components, &mixture.log_pi[(first_row + row) * components]);
  }
  AssembleMeans(raw, first_row, rows, mixture);
  if (options_.noise_type == NoiseType::kFixed) {
    AssembleFixedScales(first_row, rows, mixture);
  } else {
    AssembleScales(raw, first_row, rows, mixture);
  }
}

void MixtureHead::AssembleMeans(const RawOutputs& raw, int64_t first_row, int64_t rows,
                                Mixture& mixture) const {
  const int64_t columns = scales();
  float* mu = &mixture.mu[first_row * columns];
  for (int64_t row = 0; row < rows; ++row) {
    const float* from = raw.normal + row * raw.normal_stride;
    if (!changes_units_) {
      std::copy_n(from, columns, mu);
    } else {
      for (int64_t c = 0; c < columns; ++c) {
        mu[c] = static_cast<float>(units_[c].shift + units_[c].scale * from[c]);
      }
    }
    mu += columns;
  }
}

void MixtureHead::AssembleFixedScales(int64_t first_row, int64_t rows, Mixture& mixture) const {
  const int64_t columns = scales();
  for (int64_t row = first_row; row < first_row + rows; ++row) {
    for (int64_t c = 0; c < columns; ++c) {
      const Units& units = units_[c];
      mixture.sigma[row * columns + c] =
          static_cast<float>(options_.fixed_noise_level * units.scale);
      mixture.log_scale[row * columns + c] =
          static_cast<float>(log_fixed_noise_level_ + units.log_scale);
    }
  }
}

// In pieces of as many numbers as fit a tile: whole rows, or columns of one row.
void MixtureHead::AssembleScales(const RawOutputs& raw, int64_t first_row, int64_t rows,
                                 Mixture& mixture) const {
  const int64_t columns = scales();
  const int64_t piece_columns = std::min(columns, kTile);
  const int64_t piece_rows = kTile / piece_columns;
  float exps[kTile];
  for (int64_t row = 0; row < rows; row += piece_rows) {
    const int64_t most_rows = std::min(piece_rows, rows - row);
    const float* sigma_outputs = raw.normal + row * raw.normal_stride + columns;
    for (int64_t c = 0; c < columns; c += piece_columns) {
      const int64_t most_columns = std::min(piece_columns, columns - c);
      HWY_DYNAMIC_DISPATCH(ExpChannels)
      (sigma_outputs, raw.normal_stride, most_rows, &channel_of_scale_[c], most_columns, exps);
      for (int64_t r = 0; r < most_rows; ++r) {
        PlaceScales(sigma_outputs + r * raw.normal_stride, &exps[r * most_columns],
                    first_row + row + r, c, most_columns, mixture);
      }
    }
  }
}

void MixtureHead::PlaceScales(const float* sigma_outputs, const float* exps, int64_t row,
                              int64_t first_column, int64_t columns, Mixture& mixture) const {
  const int64_t offset = row * scales() + first_column;
  const int64_t* channels = &channel_of_scale_[first_column];
  const Units* units = &units_[first_column];
  float* sigma = &mixture.sigma[offset];
  float* log_scale = &mixture.log_scale[offset];
  for (int64_t c = 0; c < columns; ++c) {
    sigma[c] = static_cast<float>(exps[c] * units[c].scale);
    log_scale[c] = static_cast<float>(sigma_outputs[channels[c]] + units[c].log_exp_shift);
  }
  if (options_.noise_type != NoiseType::kFull) return;
  const int64_t dims = options_.dims;
  for (int64_t c = 0; c < columns; ++c) {
    PlaceTriangleRow(sigma_outputs + channels[c], exps[c], units[c].scale,
                     (first_column + c) % dims, &mixture.scale_tril[(offset + c) * dims], sigma[c]);
  }
}

// Row d of a component's L: the outputs before the diagonal's are its entries left of it.
void MixtureHead::PlaceTriangleRow(const float* diagonal_output, double diagonal, double y_scale,
                                   int64_t d, float* row, float& sigma) const {
  double variance = diagonal * diagonal;
  for (int64_t j = 0; j < d; ++j) {
    const double entry = diagonal_output[j - d];
    variance += entry * entry;
    row[j] = static_cast<float>(y_scale * entry);
  }
  row[d] = static_cast<float>(y_scale * diagonal);
  std::fill(row + d + 1, row + options_.dims, 0.0f);
  sigma = static_cast<float>(y_scale * std::sqrt(variance));
}

}  // namespace mdn
#endif

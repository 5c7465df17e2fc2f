#include "model/mixture/assemble.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstring>

#include "absl/container/fixed_array.h"
#include "model/mixture/noise_model.h"
#include "model/mixture/simd_targets.h"

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
using Vector = hn::Vec<Tag>;

// Whole vectors are read from where the network's last layer put whole vectors, and single numbers
// from there: the other way round a load would wait for stores to reach the cache.

// Replaces numbers [0, count) by function(vector), in whole vectors.
template <typename Function>
HWY_INLINE void Replace(float* numbers, int64_t count, const Function& function) {
  const Tag tag;
  for (int64_t i = 0; i < count; i += static_cast<int64_t>(hn::Lanes(tag))) {
    hn::StoreU(function(hn::LoadU(tag, numbers + i)), tag, numbers + i);
  }
}

// Rows whose sums' logarithms are taken together.
constexpr int64_t kGroup = 16;

// log_pi before normalisation, and the sum of its exponentials.
float AssembleWeights(float* logits, int64_t components, float* log_pi) {
  float highest = logits[0];
  for (int64_t k = 1; k < components; ++k) highest = std::max(highest, logits[k]);
  for (int64_t k = 0; k < components; ++k) log_pi[k] = logits[k] - highest;
  Replace(logits, components,
          [highest](Vector logit) { return Exp(Tag(), hn::Sub(logit, hn::Set(Tag(), highest))); });
  return SumInBlocks(logits, components);
}

void ReplaceByLog(float* sums, int64_t count) {
  if (count == 1) {
    *sums = hn::GetLane(Log(Tag(), hn::Set(Tag(), *sums)));
  } else {
    Replace(sums, count, [](Vector sum) { return Log(Tag(), sum); });
  }
}

// At most kGroup rows.
void AssembleWeightsOfRows(float* logits, int64_t stride, int64_t rows, int64_t components,
                           float* log_pi) {
  HWY_ALIGN_MAX float sums[kGroup] = {};
  for (int64_t r = 0; r < rows; ++r) {
    sums[r] = AssembleWeights(logits + r * stride, components, log_pi + r * components);
  }
  ReplaceByLog(sums, rows);
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t k = 0; k < components; ++k) log_pi[r * components + k] -= sums[r];
  }
}

// exp(raw + epsilon) of the outputs [begin, end), and of some before.
void ReplaceByScales(float* raw, int64_t begin, int64_t end) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(Tag()));
  const int64_t whole = begin / lanes * lanes;
  Replace(raw + whole, end - whole,
          [](Vector output) { return ExpOfSum(Tag(), output, static_cast<float>(kScaleEpsilon)); });
}

void AssembleMeans(const AssemblyPlan& plan, const float* HWY_RESTRICT raw,
                   float* HWY_RESTRICT mu) {
  if (!plan.changes_units) {
    for (int64_t i = 0; i < plan.scales; ++i) mu[i] = raw[i];
    return;
  }
  for (int64_t i = 0; i < plan.scales; ++i) {
    mu[i] = static_cast<float>(plan.y_shift[i] + plan.y_scale[i] * raw[i]);
  }
}

void AssembleFixedScales(const AssemblyPlan& plan, const AssembledRow& row) {
  const double level = plan.options.fixed_noise_level;
  const double log_level = plan.log_fixed_noise_level;
  for (int64_t i = 0; i < plan.scales; ++i) {
    row.sigma[i] = static_cast<float>(level * plan.y_scale[i]);
    row.log_scale[i] = static_cast<float>(log_level + plan.log_y_scale[i]);
  }
}

// 1 where a scale in the network's units is beyond the normal numbers of float32, though it may be
// among them in the units of y. Vectorised by the compiler.
HWY_INLINE uint32_t IsLost(float scale) {
  uint32_t bits = 0;
  std::memcpy(&bits, &scale, sizeof(bits));
  constexpr uint32_t kLeastNormal = 0x00800000;
  constexpr uint32_t kInfinity = 0x7f800000;
  return bits - kLeastNormal >= kInfinity - kLeastNormal ? 1 : 0;
}

// The compiler vectorises the loops where `channel` is the identity.
template <typename Channel>
HWY_INLINE void AssembleLogScales(const AssemblyPlan& plan, const float* HWY_RESTRICT outputs,
                                  const Channel& channel, float* HWY_RESTRICT log_scale) {
  if (!plan.changes_units) {
    constexpr auto kEpsilon = static_cast<float>(kScaleEpsilon);
    for (int64_t i = 0; i < plan.scales; ++i) log_scale[i] = outputs[channel(i)] + kEpsilon;
    return;
  }
  for (int64_t i = 0; i < plan.scales; ++i) {
    log_scale[i] = static_cast<float>(outputs[channel(i)] + (kScaleEpsilon + plan.log_y_scale[i]));
  }
}

template <typename Channel>
HWY_INLINE void AssembleSigmas(const AssemblyPlan& plan, const float* HWY_RESTRICT scales,
                               const Channel& channel, const float* HWY_RESTRICT log_scale,
                               float* HWY_RESTRICT sigma) {
  if (!plan.changes_units) {
    for (int64_t i = 0; i < plan.scales; ++i) sigma[i] = scales[channel(i)];
    return;
  }
  for (int64_t i = 0; i < plan.scales; ++i) {
    sigma[i] = static_cast<float>(plan.y_scale[i] * scales[channel(i)]);
  }
  uint32_t any_lost = 0;
  for (int64_t i = 0; i < plan.scales; ++i) any_lost |= IsLost(scales[channel(i)]);
  if (any_lost == 0) return;
  for (int64_t i = 0; i < plan.scales; ++i) {
    if (IsLost(scales[channel(i)]) != 0) {
      sigma[i] = hn::GetLane(Exp(Tag(), hn::Set(Tag(), log_scale[i])));
    }
  }
}

template <typename Channel>
HWY_INLINE void AssembleScales(const AssemblyPlan& plan, float* raw, const Channel& channel,
                               const AssembledRow& row) {
  AssembleLogScales(plan, raw + plan.scales, channel, row.log_scale);
  ReplaceByScales(raw, plan.scales, plan.normal_channels);
  AssembleSigmas(plan, raw + plan.scales, channel, row.log_scale, row.sigma);
}

void AssembleScales(const AssemblyPlan& plan, float* raw, const AssembledRow& row) {
  if (plan.own_channels) {
    AssembleScales(
        plan, raw, [](int64_t i) { return i; }, row);
  } else {
    AssembleScales(
        plan, raw, [&plan](int64_t i) { return plan.channels[i]; }, row);
  }
}

// What stands left of L's diagonal, before the outputs are replaced.
void AssembleTriangles(const AssemblyPlan& plan, const float* outputs, const AssembledRow& row) {
  const int64_t dims = plan.options.dims;
  for (int64_t i = 0; i < plan.scales; ++i) {
    const int64_t d = i % dims;
    float* const entries = row.scale_tril + i * dims;
    const float* const from = outputs + plan.channels[i] - d;
    for (int64_t j = 0; j < d; ++j) {
      entries[j] = static_cast<float>(plan.y_scale[i] * from[j]);
    }
    std::fill(entries + d, entries + dims, 0.0f);
  }
}

// Puts sigma, which still is L's diagonal, there, and becomes the standard deviation.
void AssembleDeviations(const AssemblyPlan& plan, const AssembledRow& row) {
  const int64_t dims = plan.options.dims;
  for (int64_t i = 0; i < plan.scales; ++i) {
    const int64_t d = i % dims;
    float* const entries = row.scale_tril + i * dims;
    entries[d] = row.sigma[i];
    double variance = 0;
    for (int64_t j = 0; j <= d; ++j) variance += double{entries[j]} * entries[j];
    row.sigma[i] = static_cast<float>(std::sqrt(variance));
  }
}

void AssembleNormals(const AssemblyPlan& plan, float* raw, const AssembledRow& row) {
  AssembleMeans(plan, raw, row.mu);
  switch (plan.options.noise_type) {
    case NoiseType::kFixed:
      AssembleFixedScales(plan, row);
      break;
    case NoiseType::kFull:
      AssembleTriangles(plan, raw + plan.scales, row);
      AssembleScales(plan, raw, row);
      AssembleDeviations(plan, row);
      break;
    default:
      AssembleScales(plan, raw, row);
  }
}

// Row r begins `r` rows after `row`.
void AssembleRows(const AssemblyPlan& plan, const MixtureHead::RawOutputs& raw, int64_t rows,
                  AssembledRow row) {
  const int64_t components = plan.options.components;
  const int64_t triangles =
      plan.options.noise_type == NoiseType::kFull ? plan.scales * plan.options.dims : 0;
  for (int64_t r = 0; r < rows; r += kGroup) {
    AssembleWeightsOfRows(raw.logits + r * raw.logits_stride, raw.logits_stride,
                          std::min(kGroup, rows - r), components, row.log_pi + r * components);
  }
  for (int64_t r = 0; r < rows; ++r) {
    AssembleNormals(plan, raw.normal + r * raw.normal_stride, row);
    row.mu += plan.scales;
    row.sigma += plan.scales;
    row.log_scale += plan.scales;
    if (triangles > 0) row.scale_tril += triangles;
  }
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace mdn
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mdn {

HWY_EXPORT(AssembleRows);

void MixtureHead::Assemble(absl::Span<const float> logits, absl::Span<const float> raw,
                           int64_t rows, Mixture& mixture) const {
  const int64_t components = options_.components;
  const int64_t channels = normal_channels();
  assert(logits.size() == rows * components && raw.size() == rows * channels);
  mixture.Resize(shape(), rows);
  // Larger heads take it from the heap.
  constexpr size_t kInlineNumbers = 512;
  absl::FixedArray<float, kInlineNumbers> copy(components + channels + 2 * kRowPadding);
  float* const row_logits = copy.data();
  float* const row_raw = row_logits + components + kRowPadding;
  for (int64_t row = 0; row < rows; ++row) {
    std::copy_n(&logits[row * components], components, row_logits);
    std::copy_n(&raw[row * channels], channels, row_raw);
    AssembleRows({row_logits, 0, row_raw, 0}, row, 1, mixture);
  }
}

void MixtureHead::AssembleRows(const RawOutputs& raw, int64_t first_row, int64_t rows,
                               Mixture& mixture) const {
  assert(first_row >= 0 && first_row + rows <= mixture.rows);
  const int64_t scales = options_.components * options_.dims;
  HWY_DYNAMIC_DISPATCH(AssembleRows)
  ({options_, log_fixed_noise_level_, scales, normal_channels(), channel_of_scale_.data(),
    options_.noise_type == NoiseType::kDiagonal, changes_units_, shift_.data(), scale_.data(),
    log_scale_.data()},
   raw, rows, RowIn(mixture, first_row));
}

}  // namespace mdn
#endif

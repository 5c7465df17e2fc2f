#include <algorithm>
#include <cstdint>

#include "model/mixture/assemble.h"
#include "model/mixture/noise_model.h"
#include "model/mixture/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "model/mixture/assemble_columns.cc"
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
using RawColumns = MixtureHead::RawColumns;

int64_t Lanes() { return static_cast<int64_t>(hn::Lanes(Tag())); }

int64_t RoundUpToLanes(int64_t count) { return (count + Lanes() - 1) / Lanes() * Lanes(); }

// Columns of `rows` numbers each.
struct Columns {
  float* data;
  int64_t rows;
};

#if HWY_TARGET == HWY_SCALAR
constexpr int kQuad = 1;

template <int kColumns, typename Function>
void QuadToRows(const Columns& from, float* to, int64_t /*stride*/, const Function& function) {
  *to = function(hn::Load(Tag(), from.data)).raw;
}
#else
constexpr int kQuad = 4;

// The first kColumns of four neighbouring columns, a vector's rows of them: row r goes to
// to + r * stride.
template <int kColumns, typename Function>
HWY_INLINE void QuadToRows(const Columns& from, float* to, int64_t stride,
                           const Function& function) {
  const Tag tag;
  const hn::Repartition<double, Tag> pairs;
  const auto column = [&](int c) {
    return c < kColumns ? function(hn::Load(tag, from.data + c * from.rows)) : hn::Zero(tag);
  };
  const Vector a = column(0), b = column(1), c = column(2), d = column(3);
  const auto ab_low = hn::BitCast(pairs, hn::InterleaveLower(tag, a, b));
  const auto ab_high = hn::BitCast(pairs, hn::InterleaveUpper(tag, a, b));
  const auto cd_low = hn::BitCast(pairs, hn::InterleaveLower(tag, c, d));
  const auto cd_high = hn::BitCast(pairs, hn::InterleaveUpper(tag, c, d));
  // Row 4 b + j is block b of number j.
  HWY_ALIGN_MAX float blocks[kQuad][hn::MaxLanes(Tag())];
  hn::Store(hn::BitCast(tag, hn::InterleaveLower(pairs, ab_low, cd_low)), tag, blocks[0]);
  hn::Store(hn::BitCast(tag, hn::InterleaveUpper(pairs, ab_low, cd_low)), tag, blocks[1]);
  hn::Store(hn::BitCast(tag, hn::InterleaveLower(pairs, ab_high, cd_high)), tag, blocks[2]);
  hn::Store(hn::BitCast(tag, hn::InterleaveUpper(pairs, ab_high, cd_high)), tag, blocks[3]);
  for (int64_t block = 0; block < Lanes(); block += kQuad) {
    for (int64_t j = 0; j < kQuad; ++j) {
      std::copy_n(&blocks[j][block], kColumns, to + (block + j) * stride);
    }
  }
}
#endif

// function(vector) of `count` columns, to rows: row r goes to to + r * stride.
template <typename Function>
void ToRows(const Columns& from, int64_t count, float* to, int64_t stride,
            const Function& function) {
  for (int64_t r = 0; r < from.rows; r += Lanes(), to += Lanes() * stride) {
    int64_t c = 0;
    for (; c + kQuad <= count; c += kQuad) {
      QuadToRows<kQuad>({from.data + c * from.rows + r, from.rows}, to + c, stride, function);
    }
    const Columns rest{from.data + c * from.rows + r, from.rows};
    if (count - c == 1) QuadToRows<1>(rest, to + c, stride, function);
    if (count - c == 2) QuadToRows<2>(rest, to + c, stride, function);
    if (count - c == 3) QuadToRows<3>(rest, to + c, stride, function);
  }
}

HWY_INLINE Vector Same(Vector vector) { return vector; }

// Logits of a vector's rows, to log_pi. The operations and their order are those of one row's.
void NormalizeWeights(const Columns& logits, int64_t components) {
  const Tag tag;
  const auto logit = [&](int64_t k) { return logits.data + k * logits.rows; };
  Vector highest = hn::Load(tag, logit(0));
  for (int64_t k = 1; k < components; ++k) {
    const Vector other = hn::Load(tag, logit(k));
    highest = hn::IfThenElse(hn::Lt(highest, other), other, highest);
  }
  Vector total = hn::Zero(tag);
  for (int64_t begin = 0; begin < components; begin += kSumBlock) {
    Vector sum = hn::Zero(tag);
    for (int64_t k = begin; k < std::min(begin + kSumBlock, components); ++k) {
      const Vector lower = hn::Sub(hn::Load(tag, logit(k)), highest);
      hn::Store(lower, tag, logit(k));
      sum = hn::Add(sum, Exp(tag, lower));
    }
    total = hn::Add(total, sum);
  }
  const Vector log_total = Log(tag, total);
  for (int64_t k = 0; k < components; ++k) {
    hn::Store(hn::Sub(hn::Load(tag, logit(k)), log_total), tag, logit(k));
  }
}

// A diagonal model's, in the network's units.
void AssemblePlainColumns(const RawColumns& raw, int64_t components, int64_t scales,
                          const AssembledRow& first) {
  for (int64_t r = 0; r < raw.rows; r += Lanes()) {
    NormalizeWeights({raw.logits + r, raw.rows}, components);
  }
  ToRows({raw.logits, raw.rows}, components, first.log_pi, components, Same);
  ToRows({raw.normal, raw.rows}, scales, first.mu, scales, Same);
  const Columns outputs{raw.normal + scales * raw.rows, raw.rows};
  constexpr auto kEpsilon = static_cast<float>(kScaleEpsilon);
  ToRows(outputs, scales, first.log_scale, scales,
         [](Vector output) { return hn::Add(output, hn::Set(Tag(), kEpsilon)); });
  ToRows(outputs, scales, first.sigma, scales,
         [](Vector output) { return ExpOfSum(Tag(), output, kEpsilon); });
}

// To rows, each of whole vectors.
MixtureHead::RawOutputs RowsOf(const RawColumns& raw, int64_t components, int64_t channels) {
  const int64_t logits = RoundUpToLanes(components);
  const int64_t stride = logits + RoundUpToLanes(channels);
  ToRows({raw.logits, raw.rows}, components, raw.spare, stride, Same);
  ToRows({raw.normal, raw.rows}, channels, raw.spare + logits, stride, Same);
  return {raw.spare, stride, raw.spare + logits, stride};
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace mdn
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mdn {

HWY_EXPORT(AssemblePlainColumns);
HWY_EXPORT(RowsOf);

void MixtureHead::AssembleColumns(const RawColumns& raw, int64_t first_row,
                                  Mixture& mixture) const {
  if (options_.noise_type == NoiseType::kDiagonal && !changes_units_) {
    HWY_DYNAMIC_DISPATCH(AssemblePlainColumns)
    (raw, options_.components, options_.components * options_.dims, RowIn(mixture, first_row));
  } else {
    AssembleRows(HWY_DYNAMIC_DISPATCH(RowsOf)(raw, options_.components, normal_channels()),
                 first_row, raw.rows, mixture);
  }
}

}  // namespace mdn
#endif

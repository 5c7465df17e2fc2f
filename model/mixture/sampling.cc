#include "model/mixture/sampling.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstring>
#include <limits>

#include "absl/container/fixed_array.h"
#include "model/mixture/component_choice.h"
#include "model/mixture/philox.h"
#include "model/mixture/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "model/mixture/sampling.cc"
#include "hwy/foreach_target.h"
//
#include "hwy/highway.h"
#include "model/mixture/component_choice-inl.h"
#include "model/mixture/normal-inl.h"
#include "model/mixture/philox-inl.h"

#ifndef MDN_MODEL_MIXTURE_SAMPLING_ROW_
#define MDN_MODEL_MIXTURE_SAMPLING_ROW_
namespace mdn {
namespace {

// Larger mixtures take these from the heap, once per call.
template <typename T>
using Numbers = absl::FixedArray<T, 1024>;

// What a row's draws are made of.
struct RowDraws {
  const MixtureRow& mixture;
  float sigma_scale;
  // [a power of two, at least K], and the last component that has a chance: component_choice.h.
  absl::Span<const uint32_t> thresholds;
  uint32_t highest_component;
  PhiloxKey key;
  uint64_t row;
  // Samples come in pairs.
  uint32_t first_pair;
};

constexpr float kLargest = std::numeric_limits<float>::max();

}  // namespace
}  // namespace mdn
#endif  // MDN_MODEL_MIXTURE_SAMPLING_ROW_

HWY_BEFORE_NAMESPACE();
namespace mdn {
namespace HWY_NAMESPACE {
namespace {

using FloatTag = hn::ScalableTag<float>;
using Floats = hn::Vec<FloatTag>;
using Words = hn::Vec<WordTag>;

constexpr size_t kLanes = hn::MaxLanes(FloatTag());
constexpr size_t kTileDims = 4;

HWY_INLINE Floats Saturated(Floats value) {
  const FloatTag d;
  return hn::Min(hn::Max(value, hn::Set(d, -kLargest)), hn::Set(d, kLargest));
}

// a * b + c; c where that is inf - inf, or infinity times 0.
HWY_INLINE Floats MultiplyAdd(Floats a, Floats b, Floats c) {
  const Floats sum = hn::MulAdd(a, b, c);
  return hn::IfThenElse(hn::IsNaN(sum), c, sum);
}

// The parameters of the components that the lanes chose, looked up in registers: for as many
// components as a vector has lanes.
class RegisterTable {
 public:
  using Search = RegisterSearch;
  using Index = decltype(hn::IndicesFromVec(FloatTag(), Words()));

  explicit RegisterTable(const RowDraws& row)
      : dims_(row.mixture.shape.dims),
        full_(row.mixture.shape.full_covariance),
        largest_harmless_(kLargest / static_cast<float>(8 * (dims_ + 1))),
        entries_(EntryCount() * kLanes) {
    const int64_t components = row.mixture.shape.components;
    float* entry = entries_.data();
    for (int64_t dim = 0; dim < dims_; ++dim) {
      entry = Fill(entry, &row.mixture.mu[dim], dims_, components, 1);
    }
    for (int64_t dim = 0; dim < dims_; ++dim) {
      if (!full_) {
        entry = Fill(entry, &row.mixture.sigma[dim], dims_, components, row.sigma_scale);
      } else {
        for (int64_t j = 0; j <= dim; ++j) {
          entry = Fill(entry, &row.mixture.scale_tril[dim * dims_ + j], dims_ * dims_, components,
                       row.sigma_scale);
        }
      }
    }
  }

  static HWY_INLINE Index IndexOf(Words component) {
    return hn::IndicesFromVec(FloatTag(), component);
  }

  // No draw overflows: it is the sum of a mean and at most dims_ products with normal numbers,
  // which are below 8.
  bool harmless() const { return harmless_; }

  HWY_INLINE Floats Mean(Index index, int64_t dim) const { return Lookup(index, dim); }

  // L's entry, or sigma where row and column agree; multiplied by sigma_scale.
  HWY_INLINE Floats Scale(Index index, int64_t row, int64_t column) const {
    return Lookup(index, dims_ + (full_ ? row * (row + 1) / 2 + column : row));
  }

 private:
  size_t EntryCount() const { return dims_ + (full_ ? dims_ * (dims_ + 1) / 2 : dims_); }

  float* Fill(float* entry, const float* values, int64_t stride, int64_t count, float factor) {
    for (int64_t k = 0; k < count; ++k) {
      entry[k] = factor * values[k * stride];
      harmless_ &= std::abs(entry[k]) <= largest_harmless_;
    }
    return entry + kLanes;
  }

  HWY_INLINE Floats Lookup(Index index, int64_t entry) const {
    return hn::TableLookupLanes(hn::LoadU(FloatTag(), entries_.data() + entry * kLanes), index);
  }

  const int64_t dims_;
  const bool full_;
  const float largest_harmless_;
  bool harmless_ = true;
  // [entries, kLanes]
  Numbers<float> entries_;
};

// The parameters of the components that the lanes chose, gathered from the mixture.
class MemoryTable {
 public:
  using Search = MemorySearch;
  using Index = hn::Vec<hn::RebindToSigned<FloatTag>>;

  explicit MemoryTable(const RowDraws& row)
      : mixture_(row.mixture),
        dims_(row.mixture.shape.dims),
        full_(row.mixture.shape.full_covariance),
        sigma_scale_(row.sigma_scale) {}

  // Not looked at.
  static constexpr bool harmless() { return false; }

  static HWY_INLINE Index IndexOf(Words component) {
    return hn::BitCast(hn::RebindToSigned<FloatTag>(), component);
  }

  HWY_INLINE Floats Mean(Index index, int64_t dim) const {
    return Gather(mixture_.mu.data() + dim, index, dims_);
  }

  HWY_INLINE Floats Scale(Index index, int64_t row, int64_t column) const {
    const Floats scale =
        full_ ? Gather(mixture_.scale_tril.data() + row * dims_ + column, index, dims_ * dims_)
              : Gather(mixture_.sigma.data() + row, index, dims_);
    return hn::Mul(hn::Set(FloatTag(), sigma_scale_), scale);
  }

 private:
  static HWY_INLINE Floats Gather(const float* base, Index index, int64_t stride) {
    const hn::RebindToSigned<FloatTag> di;
    return hn::GatherIndex(FloatTag(), base,
                           hn::Mul(index, hn::Set(di, static_cast<int32_t>(stride))));
  }

  const MixtureRow& mixture_;
  const int64_t dims_;
  const bool full_;
  const float sigma_scale_;
};

// Draws of one row; in each step `kUnits` times Lanes blocks of words, of which each gives two
// samples.
template <typename Table, size_t kUnits>
class RowSampler {
 public:
  explicit RowSampler(const RowDraws& row)
      : row_(row),
        dims_(row.mixture.shape.dims),
        full_(row.mixture.shape.full_covariance),
        search_(row.thresholds.data(), row.thresholds.size(), row.highest_component),
        table_(row),
        z_(dims_ == 1 ? 0 : (dims_ + 1) * kBatch) {}

  void Draw(absl::Span<float> samples, absl::Span<int32_t> components) {
    // Copies, which no store through a pointer can change.
    const PhiloxGenerator first_block = Generator(0);
    const typename Table::Search search = search_;
    const int64_t count = static_cast<int64_t>(samples.size()) / dims_;
    for (int64_t first = 0; first < count; first += kBatch) {
      PhiloxBlocks blocks[kUnits];
      const uint32_t pair = row_.first_pair + static_cast<uint32_t>(first / 2);
      first_block.Generate(pair, blocks);
      Floats z[kVectors];
      Normals<2, 3>(blocks, z);
      Words words[kVectors], chosen[kVectors];
      for (size_t unit = 0; unit < kUnits; ++unit) {
        const OfSamples<Words> of_unit = blocks[unit].FirstWords();
        words[2 * unit] = of_unit.lower;
        words[2 * unit + 1] = of_unit.upper;
      }
      search.Choose(words, chosen);
      const int64_t valid = std::min<int64_t>(count - first, kBatch);
      if (dims_ == 1) {
        PlaceScalars(chosen, z, valid, &samples[first]);
      } else {
        DrawDimensions(z, pair);
        PlaceVectors(chosen, valid, &samples[first * dims_]);
      }
      if (!components.empty()) StoreComponents(chosen, valid, &components[first]);
    }
  }

 private:
  static constexpr size_t kVectors = 2 * kUnits;
  static constexpr size_t kBatch = kVectors * kLanes;

  PhiloxGenerator Generator(uint32_t block) const {
    return PhiloxGenerator(
        {block, 0, static_cast<uint32_t>(row_.row), static_cast<uint32_t>(row_.row >> 32)},
        row_.key);
  }

  template <int kRadiusWord, int kAngleWord>
  static HWY_INLINE void Normals(const PhiloxBlocks (&blocks)[kUnits], Floats (&z)[kVectors]) {
    Words radius_bits[kUnits], angle_bits[kUnits];
    for (size_t unit = 0; unit < kUnits; ++unit) {
      radius_bits[unit] = blocks[unit].template Word<kRadiusWord>();
      angle_bits[unit] = blocks[unit].template Word<kAngleWord>();
    }
    Floats cosines[kUnits], sines[kUnits];
    BoxMuller(FloatTag(), radius_bits, angle_bits, cosines, sines);
    for (size_t unit = 0; unit < kUnits; ++unit) {
      const OfSamples<Floats> of_unit = InOrderOfSamples(cosines[unit], sines[unit]);
      z[2 * unit] = of_unit.lower;
      z[2 * unit + 1] = of_unit.upper;
    }
  }

  HWY_NOINLINE void DrawDimensions(const Floats (&first_dimension)[kVectors], uint32_t first_pair) {
    StoreDimension(0, first_dimension);
    for (int64_t dim = 1; dim < dims_; dim += 2) {
      PhiloxBlocks blocks[kUnits];
      Generator((dim + 1) / 2).Generate(first_pair, blocks);
      Floats z[kVectors];
      Normals<0, 1>(blocks, z);
      StoreDimension(dim, z);
      Normals<2, 3>(blocks, z);
      StoreDimension(dim + 1, z);
    }
  }

  HWY_INLINE void StoreDimension(int64_t dim, const Floats (&z)[kVectors]) {
    for (size_t i = 0; i < kVectors; ++i) {
      hn::StoreU(z[i], FloatTag(), &z_[dim * kBatch + i * kLanes]);
    }
  }

  HWY_INLINE void PlaceScalars(const Words (&chosen)[kVectors], const Floats (&z)[kVectors],
                               int64_t valid, float* samples) const {
    const FloatTag d;
    Floats values[kVectors];
    const bool harmless = table_.harmless();
    for (size_t i = 0; i < kVectors; ++i) {
      const auto index = Table::IndexOf(chosen[i]);
      const Floats mean = table_.Mean(index, 0);
      const Floats scale = table_.Scale(index, 0, 0);
      values[i] = harmless ? hn::MulAdd(scale, z[i], mean) : MultiplyAdd(scale, z[i], mean);
    }
    if (!harmless) {
      for (Floats& value : values) value = Saturated(value);
    }
    if (valid == kBatch) {
      for (size_t i = 0; i < kVectors; ++i) hn::StoreU(values[i], d, samples + i * kLanes);
    } else {
      HWY_ALIGN float tail[kBatch];
      for (size_t i = 0; i < kVectors; ++i) hn::Store(values[i], d, tail + i * kLanes);
      std::memcpy(samples, tail, valid * sizeof(float));
    }
  }

  HWY_INLINE void PlaceVectors(const Words (&chosen)[kVectors], int64_t valid,
                               float* samples) const {
    for (size_t i = 0; i < kVectors && valid > 0; ++i, valid -= kLanes) {
      Place(Table::IndexOf(chosen[i]), &z_[i * kLanes], std::min<int64_t>(valid, kLanes),
            samples + i * kLanes * dims_);
    }
  }

  // Up to kLanes samples.
  HWY_INLINE void Place(const typename Table::Index& index, const float* z, int64_t valid,
                        float* samples) const {
    const bool whole = valid == kLanes && dims_ <= kTileDims;
    HWY_ALIGN float tile[kTileDims * kLanes];
    for (int64_t dim = 0; dim < dims_; dim += kTileDims) {
      const int64_t width = std::min<int64_t>(kTileDims, dims_ - dim);
      Floats values[kTileDims];
      for (int64_t i = 0; i < width; ++i) values[i] = Value(index, z, dim + i);
      StoreTile(values, width, whole ? samples : tile);
      if (whole) return;
      for (int64_t s = 0; s < valid; ++s) {
        std::memcpy(samples + s * dims_ + dim, tile + s * width, width * sizeof(float));
      }
    }
  }

  // tile: [kLanes, width].
  static HWY_INLINE void StoreTile(const Floats* values, int64_t width, float* tile) {
    const FloatTag d;
    switch (width) {
      case 1:
        return hn::StoreU(values[0], d, tile);
      case 2:
        return hn::StoreInterleaved2(values[0], values[1], d, tile);
      case 3:
        return hn::StoreInterleaved3(values[0], values[1], values[2], d, tile);
      default:
        return hn::StoreInterleaved4(values[0], values[1], values[2], values[3], d, tile);
    }
  }

  HWY_INLINE Floats Value(const typename Table::Index& index, const float* z, int64_t dim) const {
    Floats value = table_.Mean(index, dim);
    for (int64_t j = full_ ? 0 : dim; j <= dim; ++j) {
      value = Plus(value, table_.Scale(index, dim, j), hn::LoadU(FloatTag(), z + j * kBatch));
    }
    return Bounded(value);
  }

  HWY_INLINE Floats Plus(Floats sum, Floats scale, Floats z) const {
    return table_.harmless() ? hn::MulAdd(scale, z, sum) : MultiplyAdd(scale, z, sum);
  }

  HWY_INLINE Floats Bounded(Floats value) const {
    return table_.harmless() ? value : Saturated(value);
  }

  static HWY_INLINE void StoreComponents(const Words (&chosen)[kVectors], int64_t valid,
                                         int32_t* components) {
    HWY_ALIGN uint32_t numbers[kBatch];
    for (size_t i = 0; i < kVectors; ++i) hn::Store(chosen[i], WordTag(), numbers + i * kLanes);
    std::memcpy(components, numbers, valid * sizeof(int32_t));
  }

  const RowDraws& row_;
  const int64_t dims_;
  const bool full_;
  const typename Table::Search search_;
  const Table table_;
  // [D, kBatch], and room for the last block's other dimension.
  Numbers<float> z_;
};

// Several vectors in turn keep the processor busy; four of them only where there are registers for
// all, and for one dimension: of more there is more to do at once anyway.
constexpr size_t kManyUnits = HWY_TARGET == HWY_AVX3 ? 4 : 2;

template <typename Table>
void DrawFrom(const RowDraws& row, absl::Span<float> samples, absl::Span<int32_t> components) {
  const int64_t dims = row.mixture.shape.dims;
  const int64_t count = static_cast<int64_t>(samples.size()) / dims;
  // Few samples would leave most of many vectors unused.
  if (dims == 1 && count > kManyUnits * kLanes) {
    RowSampler<Table, kManyUnits>(row).Draw(samples, components);
  } else if (count > 2 * kLanes) {
    RowSampler<Table, 2>(row).Draw(samples, components);
  } else {
    RowSampler<Table, 1>(row).Draw(samples, components);
  }
}

void DrawRow(const RowDraws& row, absl::Span<float> samples, absl::Span<int32_t> components) {
  if (row.thresholds.size() <= kLanes) {
    DrawFrom<RegisterTable>(row, samples, components);
  } else {
    DrawFrom<MemoryTable>(row, samples, components);
  }
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace mdn
HWY_AFTER_NAMESPACE();

#if HWY_ONCE

namespace mdn {
namespace {

HWY_EXPORT(DrawRow);

size_t PowerOfTwoFrom(size_t size) {
  size_t power = 1;
  while (power < size) power *= 2;
  return power;
}

}  // namespace

void DrawSamples(const MixtureRow& mixture, const SamplingOptions& options, int64_t row,
                 absl::Span<float> samples, absl::Span<int32_t> components) {
  assert(samples.size() % mixture.shape.dims == 0);
  assert(options.first_sample % 2 == 0);
  assert(components.empty() || components.size() * mixture.shape.dims == samples.size());
  Numbers<double> cumulative(mixture.shape.components);
  CumulativeWeights(mixture.log_pi, options.pi_temperature, absl::MakeSpan(cumulative));
  Numbers<uint32_t> thresholds(PowerOfTwoFrom(cumulative.size()));
  const uint32_t highest = ComponentThresholds(cumulative, absl::MakeSpan(thresholds));
  const PhiloxKey key = {static_cast<uint32_t>(options.seed),
                         static_cast<uint32_t>(options.seed >> 32)};
  HWY_DYNAMIC_DISPATCH(DrawRow)
  ({mixture, options.sigma_scale, thresholds, highest, key, static_cast<uint64_t>(row),
    static_cast<uint32_t>(options.first_sample / 2)},
   samples, components);
}

}  // namespace mdn

#endif  // HWY_ONCE

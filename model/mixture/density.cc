#include "model/mixture/density.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstddef>
#include <limits>

#include "absl/container/fixed_array.h"
#include "model/mixture/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "model/mixture/density.cc"
#include "hwy/foreach_target.h"
//
#include "hwy/highway.h"
#include "model/mixture/vector_math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace mdn {
namespace HWY_NAMESPACE {
namespace {

using DoubleTag = hn::ScalableTag<double>;
using FloatTag = hn::Rebind<float, DoubleTag>;
using Doubles = hn::Vec<DoubleTag>;
using Floats = hn::Vec<FloatTag>;

constexpr size_t kLanes = hn::MaxLanes(DoubleTag());
constexpr double kHalfLogTwoPi = 0.91893853320467274178;

// Larger mixtures take these from the heap, once per call.
template <typename T>
using Numbers = absl::FixedArray<T, 512>;

HWY_INLINE Doubles Broadcast(double value) { return hn::Set(DoubleTag(), value); }

// What one row's terms share for every y.
class Terms {
 public:
  explicit Terms(const MixtureRow& mixture)
      : mixture_(mixture),
        dims_(mixture.shape.dims),
        log_height_(Padded(mixture.shape.components)),
        mean_(Padded(mixture.mu.size())),
        inverse_scale_(Padded(mixture.log_scale.size())) {
    const float* log_scale = mixture.log_scale.data();
    double* log_height = log_height_.data();
    for (int64_t k = 0; k < components(); ++k, log_scale += dims_) {
      double log_volume = dims_ * kHalfLogTwoPi;
      for (int64_t dim = 0; dim < dims_; ++dim) log_volume += log_scale[dim];
      log_height[k] = mixture.log_pi.data()[k] - log_volume;
    }
    std::fill(log_height + components(), log_height_.end(),
              -std::numeric_limits<double>::infinity());
    // Scales from their logarithms: sigma may have underflowed. Bounded, so that a residual of 0
    // gives 0; where the bound takes effect, any other residual still overflows |z|^2.
    const DoubleTag d;
    Promote(mixture.mu, mean_.data(), [](Doubles mu) HWY_ATTR { return mu; });
    Promote(mixture.log_scale, inverse_scale_.data(),
            [d](Doubles log_of_scale) HWY_ATTR { return BoundedExp(d, hn::Neg(log_of_scale)); });
  }

  int64_t components() const { return mixture_.shape.components; }
  int64_t dims() const { return dims_; }
  bool full() const { return mixture_.shape.full_covariance; }
  /// log_pi - sum log_scale - (D/2) log 2 pi; -inf where whole vectors reach beyond K. [K]
  const double* log_height() const { return log_height_.data(); }
  /// Of component k. [D]
  const double* mean(int64_t k) const { return mean_.data() + k * dims_; }
  /// 1 / the diagonal of component k's L. [D]
  const double* inverse_scale(int64_t k) const { return inverse_scale_.data() + k * dims_; }
  /// [D, D]
  const float* scale_tril(int64_t k) const {
    return mixture_.scale_tril.data() + k * dims_ * dims_;
  }

  /// Up to the next whole vector.
  static size_t Padded(size_t size) { return (size + kLanes - 1) / kLanes * kLanes; }

 private:
  // `to` has room for whole vectors.
  template <typename Function>
  static HWY_INLINE void Promote(absl::Span<const float> from, double* to, Function function) {
    const DoubleTag d;
    const FloatTag df;
    const float* values = from.data();
    size_t i = 0;
    for (; i + kLanes <= from.size(); i += kLanes) {
      hn::StoreU(function(hn::PromoteTo(d, hn::LoadU(df, values + i))), d, to + i);
    }
    if (i < from.size()) {
      hn::StoreU(function(hn::PromoteTo(d, LoadFirst(values + i, from.size() - i))), d, to + i);
    }
  }

  // The others are 0.
  static HWY_INLINE Floats LoadFirst(const float* values, size_t count) {
    const FloatTag df;
#if HWY_MEM_OPS_MIGHT_FAULT
    HWY_ALIGN float padded[kLanes] = {};
    std::copy_n(values, count, padded);
    return hn::Load(df, padded);
#else
    // Nor need it wait until what was stored singly can be loaded as a whole.
    return hn::MaskedLoad(hn::FirstN(df, count), df, values);
#endif
  }

  const MixtureRow& mixture_;
  const int64_t dims_;
  Numbers<double> log_height_, mean_, inverse_scale_;
};

// kCount float64 vectors as one of float32.
template <size_t kCount>
struct Narrow;

template <>
struct Narrow<1> {
  using Tag = FloatTag;
  static HWY_INLINE Floats Demote(const Doubles* from) { return hn::DemoteTo(Tag(), from[0]); }
  static HWY_INLINE void Promote(Floats from, Doubles* to) {
    to[0] = hn::PromoteTo(DoubleTag(), from);
  }
};

#if HWY_TARGET == HWY_SCALAR
constexpr size_t kMostNarrowed = 1;
#else
constexpr size_t kMostNarrowed = 2;

template <>
struct Narrow<2> {
  using Tag = hn::ScalableTag<float>;
  static HWY_INLINE hn::Vec<Tag> Demote(const Doubles* from) {
    return hn::Combine(Tag(), Narrow<1>::Demote(from + 1), Narrow<1>::Demote(from));
  }
  static HWY_INLINE void Promote(hn::Vec<Tag> from, Doubles* to) {
    Narrow<1>::Promote(hn::LowerHalf(FloatTag(), from), to);
    Narrow<1>::Promote(hn::UpperHalf(FloatTag(), from), to + 1);
  }
};
#endif

constexpr double kLowest = std::numeric_limits<double>::lowest();

// log_pi + log N of a component, from |z|^2.
HWY_INLINE Doubles LogTerm(Doubles distance, Doubles log_height) {
  return hn::NegMulAdd(distance, Broadcast(0.5), log_height);
}

// A term divided by the highest one, from the difference of their logarithms. NaN for NaN.
template <class D>
HWY_INLINE hn::Vec<D> RelativeTerm(D d, hn::Vec<D> difference) {
  // What is less leaves a sum from 1 on as it is. Not Max, which may lose a NaN.
  const hn::Vec<D> least = hn::Set(d, -87.0f);
  return NormalExp(d, hn::IfThenElse(hn::Lt(difference, least), least, difference));
}

// The log density, from the sum of the relative terms and the highest of the logarithms.
template <size_t kCount>
HWY_INLINE auto LogSum(hn::Vec<typename Narrow<kCount>::Tag> sum, const Doubles* highest) {
  Doubles value[kCount];
  Narrow<kCount>::Promote(Log(typename Narrow<kCount>::Tag(), sum), value);
  for (size_t i = 0; i < kCount; ++i) {
    value[i] = hn::Mul(hn::Add(highest[i], value[i]), Broadcast(0.5));
  }
  // Half of it, then twice: the addition overflows to infinity everywhere, DemoteTo does not.
  const auto half = Narrow<kCount>::Demote(value);
  return hn::Add(half, half);
}

// At one point of one dimension, a component a lane: each number goes the way that it goes in a
// PointBlock.
float LogDensityOfScalar(const Terms& terms, float y) {
  const DoubleTag d;
  const FloatTag df;
  const size_t components = terms.components();
  Numbers<double> log_terms(Terms::Padded(components));
  Numbers<float> relative_terms(log_terms.size());
  Doubles highest = Broadcast(kLowest);
  for (size_t k = 0; k < components; k += kLanes) {
    const Doubles residual = hn::Sub(Broadcast(y), hn::LoadU(d, terms.mean(0) + k));
    const Doubles z = hn::Mul(residual, hn::LoadU(d, terms.inverse_scale(0) + k));
    const Doubles term =
        LogTerm(hn::MulAdd(z, z, hn::Zero(d)), hn::LoadU(d, terms.log_height() + k));
    hn::StoreU(term, d, log_terms.data() + k);
    highest = hn::Max(highest, term);
  }
  highest = hn::MaxOfLanes(d, highest);
  for (size_t k = 0; k < components; k += kLanes) {
    const Doubles difference = hn::Sub(hn::LoadU(d, log_terms.data() + k), highest);
    hn::StoreU(RelativeTerm(df, hn::DemoteTo(df, difference)), df, relative_terms.data() + k);
  }
  const float sum = SumInBlocks(relative_terms.data(), static_cast<int64_t>(components));
  return hn::GetLane(LogSum<1>(hn::Set(df, sum), &highest));
}

// The densities of kVectors times Lanes points at once, a point a lane. Every sum has the order
// of k and d, whatever the number of points and lanes.
template <size_t kVectors>
class PointBlock {
 public:
  static constexpr size_t kPoints = kVectors * kLanes;

  explicit PointBlock(const Terms& terms)
      : terms_(terms),
        y_(terms.dims() * kPoints),
        log_terms_(terms.components() * kPoints),
        z_(terms.full() ? terms.dims() * kPoints : 0) {}

  // y [count, D], out [count]; count is at most kPoints.
  HWY_INLINE void LogDensities(const float* y, size_t count, float* out) {
    Transpose(y, count);
    Doubles highest[kVectors];
    LogTerms(highest);
    if (count == kPoints) {
      LogSums(highest, out);
    } else {
      HWY_ALIGN float log_density[kPoints];
      LogSums(highest, log_density);
      std::copy_n(log_density, count, out);
    }
  }

 private:
  static constexpr size_t kGroup = kVectors % kMostNarrowed == 0 ? kMostNarrowed : 1;
  static constexpr size_t kGroups = kVectors / kGroup;
  using FloatGroupTag = typename Narrow<kGroup>::Tag;
  using FloatGroup = hn::Vec<FloatGroupTag>;

  static HWY_INLINE Doubles Load(const double* from) { return hn::LoadU(DoubleTag(), from); }

  static HWY_INLINE void Store(Doubles value, double* to) { hn::StoreU(value, DoubleTag(), to); }

  HWY_INLINE void Transpose(const float* y, size_t count) {
    const DoubleTag d;
    const int64_t dims = terms_.dims();
    double* transposed = y_.data();
    if (count == 1) {
      for (int64_t dim = 0; dim < dims; ++dim, transposed += kPoints) {
        for (size_t v = 0; v < kVectors; ++v) Store(Broadcast(y[dim]), transposed + v * kLanes);
      }
    } else if (dims == 1 && count == kPoints) {
      for (size_t v = 0; v < kVectors; ++v) {
        Store(hn::PromoteTo(d, hn::LoadU(FloatTag(), y + v * kLanes)), transposed + v * kLanes);
      }
    } else {
      for (int64_t dim = 0; dim < dims; ++dim, transposed += kPoints) {
        for (size_t point = 0; point < count; ++point) transposed[point] = y[point * dims + dim];
        std::fill(transposed + count, transposed + kPoints, 0.0);
      }
    }
  }

  HWY_INLINE void AddDiagonal(int64_t k, Doubles (&distance)[kVectors]) const {
    const double* y = y_.data();
    const double* mean = terms_.mean(k);
    const double* inverse_scale = terms_.inverse_scale(k);
    const int64_t dims = terms_.dims();
    for (int64_t dim = 0; dim < dims; ++dim, y += kPoints) {
      for (size_t v = 0; v < kVectors; ++v) {
        const Doubles z = hn::Mul(hn::Sub(Load(y + v * kLanes), Broadcast(mean[dim])),
                                  Broadcast(inverse_scale[dim]));
        distance[v] = hn::MulAdd(z, z, distance[v]);
      }
    }
  }

  // Solves L z = y - mu from the first dimension on. z is bounded where |z|^2 is infinite anyway,
  // before infinities could meet as inf - inf or 0 * inf.
  HWY_INLINE void AddTriangular(int64_t k, Doubles (&distance)[kVectors]) {
    const double* y = y_.data();
    const double* mean = terms_.mean(k);
    const double* inverse_scale = terms_.inverse_scale(k);
    const float* scale_tril = terms_.scale_tril(k);
    const int64_t dims = terms_.dims();
    double* z = z_.data();
    const Doubles most = Broadcast(1e160);
    for (int64_t dim = 0; dim < dims; ++dim, y += kPoints, scale_tril += dims) {
      Doubles residual[kVectors];
      for (size_t v = 0; v < kVectors; ++v)
        residual[v] = hn::Sub(Load(y + v * kLanes), Broadcast(mean[dim]));
      for (int64_t j = 0; j < dim; ++j) {
        const Doubles entry = Broadcast(scale_tril[j]);
        for (size_t v = 0; v < kVectors; ++v) {
          residual[v] = hn::NegMulAdd(entry, Load(z + j * kPoints + v * kLanes), residual[v]);
        }
      }
      for (size_t v = 0; v < kVectors; ++v) {
        const Doubles unbounded = hn::Mul(residual[v], Broadcast(inverse_scale[dim]));
        const Doubles bounded = hn::Min(hn::Max(unbounded, hn::Neg(most)), most);
        Store(bounded, z + dim * kPoints + v * kLanes);
        distance[v] = hn::MulAdd(bounded, bounded, distance[v]);
      }
    }
  }

  // log_pi + log N of each component, and the highest of them, which is finite.
  HWY_INLINE void LogTerms(Doubles (&highest)[kVectors]) {
    double* log_terms = log_terms_.data();
    const double* log_height = terms_.log_height();
    const int64_t components = terms_.components();
    const bool full = terms_.full();
    for (Doubles& each : highest) each = Broadcast(kLowest);
    for (int64_t k = 0; k < components; ++k, log_terms += kPoints) {
      Doubles distance[kVectors];
      for (Doubles& each : distance) each = hn::Zero(DoubleTag());
      if (full) {
        AddTriangular(k, distance);
      } else {
        AddDiagonal(k, distance);
      }
      for (size_t v = 0; v < kVectors; ++v) {
        const Doubles term = LogTerm(distance[v], Broadcast(log_height[k]));
        Store(term, log_terms + v * kLanes);
        highest[v] = hn::Max(highest[v], term);
      }
    }
  }

  HWY_INLINE void LogSums(const Doubles (&highest)[kVectors], float* log_density) const {
    FloatGroup sums[kGroups];
    SumTerms(highest, sums);
    for (size_t group = 0; group < kGroups; ++group) {
      hn::StoreU(LogSum<kGroup>(sums[group], highest + group * kGroup), FloatGroupTag(),
                 log_density + group * kGroup * kLanes);
    }
  }

  // Of each point's terms, divided by the highest of them.
  HWY_INLINE void SumTerms(const Doubles (&highest)[kVectors], FloatGroup (&sums)[kGroups]) const {
    for (FloatGroup& sum : sums) sum = hn::Zero(FloatGroupTag());
    const int64_t components = terms_.components();
    for (int64_t begin = 0; begin < components; begin += kSumBlock) {
      FloatGroup block[kGroups];
      SumBlock(begin, std::min(begin + kSumBlock, components), highest, block);
      for (size_t group = 0; group < kGroups; ++group) {
        sums[group] = hn::Add(sums[group], block[group]);
      }
    }
  }

  HWY_INLINE void SumBlock(int64_t begin, int64_t end, const Doubles (&highest)[kVectors],
                           FloatGroup (&sums)[kGroups]) const {
    const FloatGroupTag d;
    for (FloatGroup& sum : sums) sum = hn::Zero(d);
    const double* log_terms = log_terms_.data() + begin * kPoints;
    for (int64_t k = begin; k < end; ++k, log_terms += kPoints) {
      for (size_t group = 0; group < kGroups; ++group) {
        Doubles difference[kGroup];
        for (size_t i = 0; i < kGroup; ++i) {
          const size_t v = group * kGroup + i;
          difference[i] = hn::Sub(Load(log_terms + v * kLanes), highest[v]);
        }
        const FloatGroup below = Narrow<kGroup>::Demote(difference);
        sums[group] = hn::Add(sums[group], RelativeTerm(d, below));
      }
    }
  }

  const Terms& terms_;
  // [D, kPoints]
  Numbers<double> y_;
  // [K, kPoints]
  Numbers<double> log_terms_;
  // [D, kPoints]; with full covariance only.
  Numbers<double> z_;
};

template <size_t kVectors>
size_t LogDensitiesOfBlocks(const Terms& terms, absl::Span<const float> y, absl::Span<float> out,
                            size_t first) {
  using Block = PointBlock<kVectors>;
  if (out.size() - first < Block::kPoints) return first;
  Block block(terms);
  for (; first + Block::kPoints <= out.size(); first += Block::kPoints) {
    block.LogDensities(&y[first * terms.dims()], Block::kPoints, &out[first]);
  }
  return first;
}

void LogDensityOfRow(const MixtureRow& mixture, absl::Span<const float> y, absl::Span<float> out) {
  const Terms terms(mixture);
  if (out.size() == 1 && terms.dims() == 1 && !terms.full()) {
    out[0] = LogDensityOfScalar(terms, y[0]);
    return;
  }
  size_t first = LogDensitiesOfBlocks<4>(terms, y, out, 0);
  first = LogDensitiesOfBlocks<1>(terms, y, out, first);
  if (first < out.size()) {
    PointBlock<1>(terms).LogDensities(&y[first * terms.dims()], out.size() - first, &out[first]);
  }
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace mdn
HWY_AFTER_NAMESPACE();

#if HWY_ONCE

namespace mdn {
namespace {
HWY_EXPORT(LogDensityOfRow);
}  // namespace

void LogDensity(const MixtureRow& mixture, absl::Span<const float> y, absl::Span<float> out) {
  assert(y.size() == out.size() * mixture.shape.dims);
  HWY_DYNAMIC_DISPATCH(LogDensityOfRow)(mixture, y, out);
}

}  // namespace mdn

#endif  // HWY_ONCE

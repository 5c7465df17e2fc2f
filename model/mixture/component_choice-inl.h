// The choice of components by random words, for every SIMD target.

#include "model/mixture/simd_targets.h"
//
#include "hwy/highway.h"

#if defined(MDN_MODEL_MIXTURE_COMPONENT_CHOICE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MDN_MODEL_MIXTURE_COMPONENT_CHOICE_INL_H_
#undef MDN_MODEL_MIXTURE_COMPONENT_CHOICE_INL_H_
#else
#define MDN_MODEL_MIXTURE_COMPONENT_CHOICE_INL_H_
#endif

#include <cstddef>
#include <cstdint>

HWY_BEFORE_NAMESPACE();
namespace mdn {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// Searches without branches, in steps of decreasing powers of two, for the first threshold that is
// above the word.

/// Searches among at most as many thresholds as a vector has lanes, held in registers.
class RegisterSearch {
 public:
  using D = hn::ScalableTag<uint32_t>;
  using V = hn::Vec<D>;

  /// `size`, a power of two, is that of `thresholds`.
  RegisterSearch(const uint32_t* thresholds, size_t size, uint32_t highest)
      : thresholds_(thresholds), half_(size / 2), highest_(highest) {
    size_t row = 0;
    for (size_t step = half_; step > 0; step /= 2, ++row) {
      for (size_t i = 2 * step - 1; i < size; i += 2 * step) {
        steps_[row][i] = thresholds[i - step];
      }
    }
  }

  template <size_t kCount>
  HWY_INLINE void Choose(const V (&words)[kCount], V (&components)[kCount]) const {
    if (highest_ <= kFew) {
      Count(words, components);
    } else {
      Search(words, components);
    }
  }

 private:
  static constexpr size_t kLanes = hn::MaxLanes(D());
  static constexpr size_t kMostSteps = hwy::CeilLog2(2 * kLanes);
  // So many comparisons take no longer than a search.
  static constexpr uint32_t kFew = 4;

  /// From the highest component, one down for each threshold above the word.
  template <size_t kCount>
  HWY_INLINE void Count(const V (&words)[kCount], V (&components)[kCount]) const {
    const D d;
    for (V& component : components) component = hn::Set(d, highest_);
    for (uint32_t k = 0; k < highest_; ++k) {
      const V threshold = hn::Set(d, thresholds_[k]);
      for (size_t i = 0; i < kCount; ++i) Lower(words[i], threshold, 1, components[i]);
    }
  }

  /// From the last place, a step down where what lies half of it below is above the word.
  template <size_t kCount>
  HWY_INLINE void Search(const V (&words)[kCount], V (&components)[kCount]) const {
    const D d;
    for (V& place : components) place = hn::Set(d, static_cast<uint32_t>(2 * half_ - 1));
    const uint32_t* thresholds = steps_[0];
    for (size_t step = half_; step > 0; step /= 2, thresholds += kLanes) {
      const V table = hn::Load(d, thresholds);
      for (size_t i = 0; i < kCount; ++i) {
        const V threshold = hn::TableLookupLanes(table, hn::IndicesFromVec(d, components[i]));
        Lower(words[i], threshold, static_cast<uint32_t>(step), components[i]);
      }
    }
    for (V& place : components) place = hn::Min(place, hn::Set(d, highest_));
  }

  static HWY_INLINE void Lower(V word, V threshold, uint32_t by, V& component) {
    const V lower = hn::Sub(component, hn::Set(D(), by));
    component = hn::IfThenElse(hn::Lt(word, threshold), lower, component);
  }

  const uint32_t* thresholds_;
  /// For each step, at each place that a search may have reached, the threshold that it compares.
  HWY_ALIGN uint32_t steps_[kMostSteps][kLanes] = {};
  size_t half_;
  uint32_t highest_;
};

/// Searches among any number of thresholds in memory.
class MemorySearch {
 public:
  using D = hn::ScalableTag<uint32_t>;
  using V = hn::Vec<D>;

  MemorySearch(const uint32_t* thresholds, size_t size, uint32_t highest)
      : thresholds_(thresholds), half_(size / 2), highest_(highest) {}

  template <size_t kCount>
  HWY_INLINE void Choose(const V (&words)[kCount], V (&components)[kCount]) const {
    const D d;
    const hn::RebindToSigned<D> di;
    for (V& place : components) place = hn::Zero(d);
    for (size_t step = half_; step > 0; step /= 2) {
      const V next = hn::Set(d, static_cast<uint32_t>(step));
      for (size_t i = 0; i < kCount; ++i) {
        const V threshold =
            hn::GatherIndex(d, thresholds_ + step - 1, hn::BitCast(di, components[i]));
        components[i] =
            hn::IfThenElse(hn::Lt(words[i], threshold), components[i], hn::Or(components[i], next));
      }
    }
    for (V& place : components) place = hn::Min(place, hn::Set(d, highest_));
  }

 private:
  const uint32_t* thresholds_;
  size_t half_;
  uint32_t highest_;
};

}  // namespace HWY_NAMESPACE
}  // namespace mdn
HWY_AFTER_NAMESPACE();

#endif  // MDN_MODEL_MIXTURE_COMPONENT_CHOICE_INL_H_

// What tiles of a dense layer have in common, for every SIMD target.

#include "model/mixture/simd_targets.h"
//
#include "hwy/highway.h"

#if defined(MDN_MODEL_ENGINE_NATIVE_TILE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MDN_MODEL_ENGINE_NATIVE_TILE_INL_H_
#undef MDN_MODEL_ENGINE_NATIVE_TILE_INL_H_
#else
#define MDN_MODEL_ENGINE_NATIVE_TILE_INL_H_
#endif

#include <limits>

#include "model/engine/native/kernels.h"

HWY_BEFORE_NAMESPACE();
namespace mdn {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

/// Vectors of sums in a tile, at most: they have to fit into the registers, beside inputs and
/// weights.
#if HWY_TARGET == HWY_AVX3 || HWY_ARCH_ARM_A64
constexpr int kMostSums = 24;
#else
constexpr int kMostSums = 12;
#endif

/// An output is at least this.
inline float Floor(Activation activation) {
  return activation == Activation::kRelu ? 0 : -std::numeric_limits<float>::infinity();
}

/// The larger of the two; a NaN in `sum` stays one.
template <class V>
HWY_INLINE V AtLeast(V floor, V sum) {
#if HWY_ARCH_X86 && HWY_TARGET != HWY_SCALAR && HWY_TARGET != HWY_EMU128
  return hn::Max(floor, sum);  // The second operand where one is a NaN.
#else
  return hn::IfThenElse(hn::Lt(sum, floor), floor, sum);
#endif
}

}  // namespace HWY_NAMESPACE
}  // namespace mdn
HWY_AFTER_NAMESPACE();

// Left to itself, GCC keeps the sums in memory where it does not unroll a loop over them.
#undef MDN_UNROLL
#define MDN_UNROLL _Pragma("GCC unroll 16")

#endif  // MDN_MODEL_ENGINE_NATIVE_TILE_INL_H_

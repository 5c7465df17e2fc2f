#ifndef MDN_TESTS_MODEL_MIXTURE_SIMD_TARGET_LOOP_H_
#define MDN_TESTS_MODEL_MIXTURE_SIMD_TARGET_LOOP_H_

#include "model/mixture/simd_targets.h"
//
#include <cstdint>

#include "hwy/highway.h"

namespace mdn {

/// Whether the target rounds a * b + c once.
constexpr bool FusesMultiplyAdd(int64_t target) {
#if HWY_ARCH_X86
  return target <= HWY_AVX2;
#else
  return target < HWY_EMU128;
#endif
}

/// Calls work(target) for each compiled target that this machine runs, dispatched to that target,
/// the best one first; then lets the machine choose again.
template <typename Work>
void ForEverySimdTarget(Work work) {
  for (const int64_t target : hwy::SupportedAndGeneratedTargets()) {
    hwy::SetSupportedTargetsForTest(target);
    work(target);
  }
  hwy::SetSupportedTargetsForTest(0);
}

}  // namespace mdn

#endif  // MDN_TESTS_MODEL_MIXTURE_SIMD_TARGET_LOOP_H_

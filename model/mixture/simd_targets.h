#ifndef MDN_MODEL_MIXTURE_SIMD_TARGETS_H_
#define MDN_MODEL_MIXTURE_SIMD_TARGETS_H_

/// The instruction sets that every SIMD source is compiled for; the processor that runs it chooses
/// among them. x86-64: the baseline, SSE4, AVX2 with FMA, AVX-512. Arm: NEON. Included first,
/// before anything of Highway.
///
/// Results are the same bits on every target with fused multiply-add, whatever its vector width:
/// they come from correctly rounded operations in an order that does not depend on the width. That
/// asks for -ffp-contract=off, which mdn::simd brings: contracting another multiplication and
/// addition would be the compiler's choice, different for each target.

#define HWY_DISABLED_TARGETS                                                                   \
  (HWY_SSSE3 | HWY_AVX3_DL | HWY_AVX3_ZEN4 | HWY_AVX3_SPR | HWY_SVE | HWY_SVE2 | HWY_SVE_256 | \
   HWY_SVE2_128 | HWY_NEON_BF16)

#include "hwy/detect_targets.h"

// Highway 1.0 does not have them yet.
#ifndef HWY_AVX3_ZEN4
#define HWY_AVX3_ZEN4 0
#endif
#ifndef HWY_AVX3_SPR
#define HWY_AVX3_SPR 0
#endif
#ifndef HWY_NEON_BF16
#define HWY_NEON_BF16 0
#endif

#endif  // MDN_MODEL_MIXTURE_SIMD_TARGETS_H_

#ifndef MDN_TESTS_BENCHMARKS_MACHINE_LIMITS_H_
#define MDN_TESTS_BENCHMARKS_MACHINE_LIMITS_H_

#include <cstdint>

#include "absl/types/span.h"

namespace mdn {

/// Does `rounds` rounds of fused multiply-adds that depend on nothing but registers, as fast as one
/// core can; returns how many multiply-adds of one float each that were.
int64_t MultiplyAddAtPeak(int64_t rounds);

/// Reads every number once, in order, as fast as one core can. Returns their sum, in some order.
/// The memory is aligned to a vector, the size a multiple of 512.
float ReadAtPeak(absl::Span<const float> numbers);

}  // namespace mdn

#endif  // MDN_TESTS_BENCHMARKS_MACHINE_LIMITS_H_

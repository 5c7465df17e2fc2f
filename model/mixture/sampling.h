#ifndef MDN_MODEL_MIXTURE_SAMPLING_H_
#define MDN_MODEL_MIXTURE_SAMPLING_H_

#include <cstdint>

#include "absl/types/span.h"
#include "model/mixture/mixture.h"

namespace mdn {

struct SamplingOptions {
  uint64_t seed = 0;
  /// Components are chosen by softmax(log_pi / pi_temperature). Finite, at least 0; 0: always the
  /// heaviest component, the first one of equals.
  float pi_temperature = 1;
  /// Multiplies every standard deviation. Finite, at least 0; 0: the component's mean.
  float sigma_scale = 1;
  /// The index of the first sample to draw: even, at least 0.
  int64_t first_sample = 0;
};

/// Draws from one row's mixture: choose a component, then draw only that one. samples [S, D];
/// components [S], or empty where nobody asked.
/// The draws depend on the mixture's numbers, the seed, `row` (the row's index in its request) and
/// the sample's index alone: Philox 4x32-10 keyed by the seed and counted by row, sample and
/// dimension. A component of weight 0 is never chosen. A draw beyond float32's range is its
/// largest number, never infinite or NaN.
///
/// A promise to callers, who may keep seeds: the bits do not change with the number of samples, the
/// C library or the processor, if it fuses multiplication and addition; one that does not differs
/// in the last bits, not in the components. Key: the seed's low and high word. Counter, for samples
/// 2g and 2g + 1, g below 2^32: {block b, g, row's low word, row's high word}. Block 0: words 0 and
/// 1 choose the components of samples 2g and 2g + 1, word w the first one whose cumulative weight
/// is above (w + 1/2) / 2^32 (CumulativeWeights); words 2 and 3 give dimension 0. Block b >= 1:
/// words 0 and 1 give dimension 2b - 1, words 2 and 3 dimension 2b. Two words (r, a) give a
/// dimension's standard normal numbers by Box and Muller in float32:
///   sqrt(-2 log u) cos v to sample 2g, sqrt(-2 log u) sin v to sample 2g + 1
/// with u = (r + 1/2) / 2^32; v = pi n / 2^32, n being a with its lowest bit set, as a signed
/// number; where that bit was set before, the cosine is negated. With z these numbers, a sample
/// starts as mu; each column j of its component's row of L, which is sigma alone unless the
/// covariance is full, adds (sigma_scale L_dj) z_j in float32 with one rounding, in the order of j.
/// A sum that leaves float32's range on the way stays at its end.
void DrawSamples(const MixtureRow& mixture, const SamplingOptions& options, int64_t row,
                 absl::Span<float> samples, absl::Span<int32_t> components);

}  // namespace mdn

#endif  // MDN_MODEL_MIXTURE_SAMPLING_H_

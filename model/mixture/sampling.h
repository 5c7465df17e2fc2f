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
};

/// Draws from one row's mixture: choose a component, then draw only that one. samples [S, D];
/// components [S], or empty where nobody asked.
/// The draws depend on the mixture's numbers, the seed, `row` (the row's index in its request) and
/// the sample's index alone: Philox 4x32-10 keyed by the seed and counted by row, sample and
/// dimension. A component of weight 0 is never chosen. A draw beyond float32's range is its
/// largest number.
///
/// A promise to callers, who may keep seeds: the bits do not change with the processor, the C
/// library or the number of samples. Key: the seed's low and high word. Counter, for row and sample
/// below 2^48:
///   {block, sample, row, row / 2^32 in the high half and sample / 2^32 in the low half}
/// Block 0: words 0 and 1 give 53 bits (word 0 on top), u in [0, 1), that choose the component;
/// words 2 and 3 give dimensions 0 and 1 by BoxMuller. Block b >= 1: words 0 to 3 give dimensions
/// 4b-2 to 4b+1. With z these numbers, a sample is mu + (sigma_scale * sigma) z, or with full
/// covariance mu + sigma_scale * (sum over j <= d of L_dj z_j), in double, then rounded.
void DrawSamples(const MixtureRow& mixture, const SamplingOptions& options, int64_t row,
                 absl::Span<float> samples, absl::Span<int32_t> components);

}  // namespace mdn

#endif  // MDN_MODEL_MIXTURE_SAMPLING_H_

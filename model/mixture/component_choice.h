#ifndef MDN_MODEL_MIXTURE_COMPONENT_CHOICE_H_
#define MDN_MODEL_MIXTURE_COMPONENT_CHOICE_H_

#include <cstdint>

#include "absl/types/span.h"

namespace mdn {

/// Cumulative sums of softmax(log_pi / temperature), the last one exactly 1: both [K]. At least one
/// log_pi is finite, the others finite or -inf; temperature is finite and at least 0; 0 gives the
/// first of the heaviest components all weight. The same bits on every processor and C library.
void CumulativeWeights(absl::Span<const float> log_pi, float temperature,
                       absl::Span<double> cumulative);

/// The cumulative weights as numbers to compare random words with: a word chooses component k if
/// thresholds[k - 1] <= word < thresholds[k], which says of u = (word + 1/2) / 2^32 that
/// cumulative[k - 1] <= u < cumulative[k]. Returns the last component that any word chooses;
/// thresholds from there on hold 2^32 - 1, and a search among them must not go beyond it.
/// thresholds: at least [K]. A component of weight 0 is never chosen.
uint32_t ComponentThresholds(absl::Span<const double> cumulative, absl::Span<uint32_t> thresholds);

}  // namespace mdn

#endif  // MDN_MODEL_MIXTURE_COMPONENT_CHOICE_H_

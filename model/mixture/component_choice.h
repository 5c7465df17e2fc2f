#ifndef MDN_MODEL_MIXTURE_COMPONENT_CHOICE_H_
#define MDN_MODEL_MIXTURE_COMPONENT_CHOICE_H_

#include "absl/types/span.h"

namespace mdn {

/// Cumulative sums of softmax(log_pi / temperature), the last one exactly 1: both [K]. At least one
/// log_pi is finite, the others finite or -inf; temperature is finite and at least 0; 0 gives the
/// first of the heaviest components all weight. The same bits on every processor and C library.
void CumulativeWeights(absl::Span<const float> log_pi, float temperature,
                       absl::Span<double> cumulative);

/// The component whose interval [cumulative[k-1], cumulative[k]) holds u in [0, 1): never one of
/// weight 0. Beyond the last value, where rounding left it below 1: the last component with weight.
int ChooseComponent(absl::Span<const double> cumulative, double u);

}  // namespace mdn

#endif  // MDN_MODEL_MIXTURE_COMPONENT_CHOICE_H_

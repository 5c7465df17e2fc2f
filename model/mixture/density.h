#ifndef MDN_MODEL_MIXTURE_DENSITY_H_
#define MDN_MODEL_MIXTURE_DENSITY_H_

#include "absl/types/span.h"
#include "model/mixture/mixture.h"

namespace mdn {

/// log p(y) of each point under one row's mixture:
///   logsumexp_k( log_pi_k - |z_k|^2 / 2 - sum_d log_scale_kd - (D/2) log 2 pi )
/// where L_k z_k = y - mu_k. y [points, D] and out [points]. The terms are computed in double, the
/// logarithm of their sum relative to the largest one in float32. -inf where every term is, never
/// NaN for a finite mixture and finite y.
/// A point's bits do not depend on the other points, nor on the processor if it fuses
/// multiplication and addition.
void LogDensity(const MixtureRow& mixture, absl::Span<const float> y, absl::Span<float> out);

}  // namespace mdn

#endif  // MDN_MODEL_MIXTURE_DENSITY_H_

#ifndef MDN_MODEL_MIXTURE_LOSS_H_
#define MDN_MODEL_MIXTURE_LOSS_H_

#include <cstdint>

#include "absl/types/span.h"
#include "model/mixture/noise_model.h"

namespace mdn {

/// The negative log density of y as a function of a network's raw outputs, with its gradient: what
/// training minimises. In the network's units; a head's change of units is left out. Immutable;
/// thread-safe.
class MixtureLoss {
 public:
  /// Gradients beyond it are cut to it, so that summing them over rows and layers stays finite in
  /// float32, whatever sigma is.
  static constexpr double kMostGradient = 1e20;
  /// Losses beyond it are cut to it.
  static constexpr double kMostLoss = 1e30;

  explicit MixtureLoss(const MixtureHead::Options& options) : head_(options) {}

  /// logits [rows, K], raw [rows, K*D + SigmaChannels] as MixtureHead::Assemble takes them, and
  /// y [rows, D], into -log p(y) of each row, loss [rows], and its derivatives, of the shapes of
  /// logits and raw. With the posterior gamma_k = pi_k N_k(y) / p(y), L_k z_k = y - mu_k and
  /// w_k = L_k^-T z_k (Bishop 1994, equations 33 to 41, extended to L):
  ///   d/dlogit_k = pi_k - gamma_k                   d/dmu_k     = -gamma_k w_k
  ///   d/dlog L_ii = gamma (1 - w_i z_i L_ii)        d/dL_ij     = -gamma w_i z_j   (i > j)
  /// Computed in double. Finite for finite input in float32's range.
  template <typename Real>
  void Evaluate(absl::Span<const Real> logits, absl::Span<const Real> raw,
                absl::Span<const Real> y, absl::Span<Real> loss, absl::Span<Real> logits_gradient,
                absl::Span<Real> raw_gradient) const;

  const MixtureHead& head() const { return head_; }

 private:
  MixtureHead head_;
};

extern template void MixtureLoss::Evaluate(absl::Span<const float>, absl::Span<const float>,
                                           absl::Span<const float>, absl::Span<float>,
                                           absl::Span<float>, absl::Span<float>) const;
extern template void MixtureLoss::Evaluate(absl::Span<const double>, absl::Span<const double>,
                                           absl::Span<const double>, absl::Span<double>,
                                           absl::Span<double>, absl::Span<double>) const;

}  // namespace mdn

#endif  // MDN_MODEL_MIXTURE_LOSS_H_

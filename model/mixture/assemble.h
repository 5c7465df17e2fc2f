#ifndef MDN_MODEL_MIXTURE_ASSEMBLE_H_
#define MDN_MODEL_MIXTURE_ASSEMBLE_H_

#include <cstdint>

#include "model/mixture/noise_model.h"

namespace mdn {

/// What assembling a row needs of its MixtureHead. Arrays are [K, D].
struct AssemblyPlan {
  const MixtureHead::Options& options;
  /// 0 unless kFixed.
  double log_fixed_noise_level;
  /// K * D.
  int64_t scales;
  int64_t normal_channels;
  const int64_t* channels;
  /// Every channel is its scale's own index.
  bool own_channels;
  /// Otherwise y_shift is 0, y_scale 1 and log_y_scale 0 throughout.
  bool changes_units;
  const double* y_shift;
  const double* y_scale;
  const double* log_y_scale;
};

/// Where one row's numbers go in a Mixture.
struct AssembledRow {
  float* log_pi;
  float* mu;
  float* sigma;
  float* log_scale;
  float* scale_tril;
};

/// The places of row `row`.
inline AssembledRow RowIn(Mixture& mixture, int64_t row) {
  const int64_t components = mixture.shape.components;
  const int64_t scales = components * mixture.shape.dims;
  return {&mixture.log_pi[row * components], &mixture.mu[row * scales],
          &mixture.sigma[row * scales], &mixture.log_scale[row * scales],
          mixture.shape.full_covariance ? &mixture.scale_tril[row * scales * mixture.shape.dims]
                                        : nullptr};
}

}  // namespace mdn

#endif  // MDN_MODEL_MIXTURE_ASSEMBLE_H_

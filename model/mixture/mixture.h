#ifndef MDN_MODEL_MIXTURE_MIXTURE_H_
#define MDN_MODEL_MIXTURE_MIXTURE_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"

namespace mdn {

/// K components over D dimensions.
struct MixtureShape {
  int64_t components = 0;
  int64_t dims = 0;
  /// Components have a full covariance matrix, not a diagonal one.
  bool full_covariance = false;
};

/// One row's mixture, a view into a Mixture. p(y) = sum_k exp(log_pi[k]) N(y; mu[k], L_k L_k^T).
struct MixtureRow {
  MixtureShape shape;
  absl::Span<const float> log_pi;      // [K]
  absl::Span<const float> mu;          // [K, D]
  absl::Span<const float> sigma;       // [K, D]
  absl::Span<const float> log_scale;   // [K, D]
  absl::Span<const float> scale_tril;  // [K, D, D]; empty unless full_covariance
};

/// The mixtures of several rows, in row-major order. Resizing keeps memory, so that one Mixture
/// serves many evaluations without allocating. Thread-compatible.
struct Mixture {
  MixtureShape shape;
  int64_t rows = 0;
  /// Logarithms of the components' weights, normalised. [rows, K]
  std::vector<float> log_pi;
  /// [rows, K, D]
  std::vector<float> mu;
  /// Standard deviation of each dimension, sqrt(diag(L L^T)). [rows, K, D]
  std::vector<float> sigma;
  /// Logarithm of L's diagonal, which is log(sigma) unless full_covariance. Kept apart because it
  /// comes from the network's output without the rounding and underflow of log(exp(·)). [rows, K,
  /// D]
  std::vector<float> log_scale;
  /// L, lower triangular with zeros above; empty unless full_covariance. [rows, K, D, D]
  std::vector<float> scale_tril;

  void Resize(const MixtureShape& new_shape, int64_t new_rows);
  MixtureRow Row(int64_t row) const;
  /// The first row of [begin, end) that holds a number that is not finite, or -1. A log_pi of -inf
  /// is a component of weight 0 and passes, unless all of the row's are.
  int64_t FirstNonFiniteRow(int64_t begin, int64_t end) const;
};

}  // namespace mdn

#endif  // MDN_MODEL_MIXTURE_MIXTURE_H_

#include "model/mixture/density.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <limits>

#include "absl/container/fixed_array.h"

namespace mdn {
namespace {

constexpr double kHalfLogTwoPi = 0.91893853320467274178;
constexpr double kInfinity = std::numeric_limits<double>::infinity();

// Larger mixtures take these from the heap, once per call.
constexpr size_t kInlineNumbers = 128;
using Numbers = absl::FixedArray<double, kInlineNumbers>;

// What one row's terms share for every y.
struct Terms {
  explicit Terms(const MixtureRow& mixture);

  // log_pi - sum log_scale - (D/2) log 2 pi. [K]
  Numbers log_height;
  // 1 / L's diagonal, from log_scale: sigma may have underflowed. Never infinite, so that a
  // residual of 0 gives 0; any other residual then still overflows |z|^2. [K, D]
  Numbers inverse_scale;
};

Terms::Terms(const MixtureRow& mixture)
    : log_height(mixture.shape.components), inverse_scale(mixture.log_scale.size()) {
  const int64_t dims = mixture.shape.dims;
  for (int64_t k = 0; k < mixture.shape.components; ++k) {
    double log_volume = dims * kHalfLogTwoPi;
    for (int64_t i = k * dims; i < (k + 1) * dims; ++i) {
      const double log_scale = mixture.log_scale[i];
      log_volume += log_scale;
      inverse_scale[i] = std::min(std::exp(-log_scale), std::numeric_limits<double>::max());
    }
    log_height[k] = mixture.log_pi[k] - log_volume;
  }
}

double DiagonalDistance(const float* y, const float* mu, const double* inverse_scale,
                        int64_t dims) {
  double distance = 0;
  for (int64_t d = 0; d < dims; ++d) {
    const double z = (double{y[d]} - mu[d]) * inverse_scale[d];
    distance += z * z;
  }
  return distance;
}

// Solves L z = y - mu from the first dimension on; z [D] is scratch. Gives up once |z|^2 overflows,
// before the infinities could meet as inf - inf or 0 * inf.
double TriangularDistance(const float* y, const float* mu, const float* scale_tril,
                          const double* inverse_scale, int64_t dims, double* z) {
  double distance = 0;
  for (int64_t d = 0; d < dims; ++d) {
    double residual = double{y[d]} - mu[d];
    for (int64_t j = 0; j < d; ++j) residual -= scale_tril[d * dims + j] * z[j];
    z[d] = residual * inverse_scale[d];
    distance += z[d] * z[d];
    if (distance == kInfinity) return kInfinity;
  }
  return distance;
}

// log sum exp of the terms added so far, without overflow or underflow in between.
class LogSum {
 public:
  void Add(double term) {
    if (term == -kInfinity) return;
    if (term > highest_) {
      sum_ = sum_ * std::exp(highest_ - term) + 1;
      highest_ = term;
    } else {
      sum_ += std::exp(term - highest_);
    }
  }

  double Value() const { return highest_ + std::log(sum_); }

 private:
  double highest_ = -kInfinity;
  double sum_ = 0;
};

}  // namespace

void LogDensity(const MixtureRow& mixture, absl::Span<const float> y, absl::Span<float> out) {
  const int64_t dims = mixture.shape.dims;
  assert(y.size() == out.size() * dims);
  const Terms terms(mixture);
  Numbers z(dims);
  for (size_t point = 0; point < out.size(); ++point) {
    const float* y_point = &y[point * dims];
    LogSum log_density;
    for (int64_t k = 0; k < mixture.shape.components; ++k) {
      const float* mu = &mixture.mu[k * dims];
      const double* inverse_scale = &terms.inverse_scale[k * dims];
      const double distance =
          mixture.shape.full_covariance
              ? TriangularDistance(y_point, mu, &mixture.scale_tril[k * dims * dims], inverse_scale,
                                   dims, z.data())
              : DiagonalDistance(y_point, mu, inverse_scale, dims);
      log_density.Add(terms.log_height[k] - 0.5 * distance);
    }
    out[point] = static_cast<float>(log_density.Value());
  }
}

}  // namespace mdn

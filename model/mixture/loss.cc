#include "model/mixture/loss.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <vector>

namespace mdn {
namespace {

constexpr double kHalfLogTwoPi = 0.91893853320467274178;
// Of exp: neither it nor its inverse overflows, so 0 times one of them is 0.
constexpr double kMostExponent = 700;
// Of an entry of z or w: their squares, summed, stay finite.
constexpr double kMostResidual = 1e150;

double BoundedExp(double exponent) {
  return std::exp(std::clamp(exponent, -kMostExponent, kMostExponent));
}

double BoundedResidual(double value) { return std::clamp(value, -kMostResidual, kMostResidual); }

template <typename Real>
Real BoundedGradient(double value) {
  return static_cast<Real>(
      std::clamp(value, -MixtureLoss::kMostGradient, MixtureLoss::kMostGradient));
}

// From log weights to weights that sum to 1; returns the logarithm of their sum before.
double Normalise(std::vector<double>& weights) {
  const double highest = *std::max_element(weights.begin(), weights.end());
  double sum = 0;
  for (double& weight : weights) {
    weight = std::exp(weight - highest);
    sum += weight;
  }
  for (double& weight : weights) weight /= sum;
  return highest + std::log(sum);
}

// The Gaussian factors of one row's mixture, one noise model's share of the loss. Keeps what the
// gradient needs of the density. Confined to one thread.
template <typename Real>
class Gaussians {
 public:
  explicit Gaussians(const MixtureHead& head)
      : head_(head),
        options_(head.options()),
        dims_(options_.dims),
        z_(options_.components * options_.dims),
        inverse_(z_.size()) {
    if (options_.noise_type == NoiseType::kFixed) fixed_ = std::log(options_.fixed_noise_level);
  }

  // log N_k(y) for component k, of a row's raw outputs.
  double LogDensity(const Real* raw, const Real* y, int64_t k) {
    const Real* mu = raw + k * dims_;
    const Real* scales = raw + z_.size();
    return options_.noise_type == NoiseType::kFull
               ? TriangularLogDensity(mu, scales + k * TriangleSize(), y, k)
               : DiagonalLogDensity(mu, scales, y, k);
  }

  // Adds -gamma times the derivatives of LogDensity, which came before, to a row's gradient.
  void AddGradient(const Real* raw, int64_t k, double gamma, double* gradient) const {
    double* mu = gradient + k * dims_;
    double* scales = gradient + z_.size();
    if (options_.noise_type == NoiseType::kFull) {
      AddTriangularGradient(raw + z_.size() + k * TriangleSize(), k, gamma, mu,
                            scales + k * TriangleSize());
    } else {
      AddDiagonalGradient(k, gamma, mu, scales);
    }
  }

 private:
  int64_t TriangleSize() const { return dims_ * (dims_ + 1) / 2; }

  double DiagonalLogDensity(const Real* mu, const Real* scales, const Real* y, int64_t k) {
    double log_density = -dims_ * kHalfLogTwoPi;
    for (int64_t d = 0; d < dims_; ++d) {
      const int64_t i = k * dims_ + d;
      const double log_scale = options_.noise_type == NoiseType::kFixed
                                   ? fixed_
                                   : scales[head_.scale_channels()[i]] + kScaleEpsilon;
      inverse_[i] = BoundedExp(-log_scale);
      z_[i] = BoundedResidual((double{y[d]} - mu[d]) * inverse_[i]);
      log_density -= log_scale + 0.5 * z_[i] * z_[i];
    }
    return log_density;
  }

  void AddDiagonalGradient(int64_t k, double gamma, double* mu, double* scales) const {
    for (int64_t d = 0; d < dims_; ++d) {
      const int64_t i = k * dims_ + d;
      mu[d] -= gamma * z_[i] * inverse_[i];
      if (options_.noise_type == NoiseType::kFixed) continue;
      scales[head_.scale_channels()[i]] += gamma - gamma * z_[i] * z_[i];
    }
  }

  double TriangularLogDensity(const Real* mu, const Real* triangle, const Real* y, int64_t k) {
    double log_density = -dims_ * kHalfLogTwoPi;
    double* z = &z_[k * dims_];
    for (int64_t d = 0; d < dims_; ++d) {
      double residual = double{y[d]} - mu[d];
      for (int64_t j = 0; j < d; ++j) residual -= *triangle++ * z[j];
      const double log_scale = *triangle++ + kScaleEpsilon;
      const double inverse = BoundedExp(-log_scale);
      inverse_[k * dims_ + d] = inverse;
      z[d] = BoundedResidual(residual * inverse);
      log_density -= log_scale + 0.5 * z[d] * z[d];
    }
    return log_density;
  }

  // Solves L^T w = gamma z from the last dimension on; w is scaled by gamma so that a component
  // which takes no part adds exact zeros.
  void AddTriangularGradient(const Real* triangle, int64_t k, double gamma, double* mu,
                             double* gradient) const {
    const double* z = &z_[k * dims_];
    std::vector<double> w(dims_);
    for (int64_t i = dims_; i-- > 0;) {
      double residual = gamma * z[i];
      for (int64_t j = i + 1; j < dims_; ++j) residual -= triangle[j * (j + 1) / 2 + i] * w[j];
      w[i] = BoundedResidual(residual * inverse_[k * dims_ + i]);
      mu[i] -= w[i];
    }
    for (int64_t i = 0; i < dims_; ++i) {
      for (int64_t j = 0; j < i; ++j) *gradient++ -= w[i] * z[j];
      *gradient++ += gamma - w[i] * z[i] / inverse_[k * dims_ + i];
    }
  }

  const MixtureHead& head_;
  const MixtureHead::Options& options_;
  const int64_t dims_;
  double fixed_ = 0;
  // L_k^-1 (y - mu_k), and 1 / L's diagonal. [K, D]
  std::vector<double> z_, inverse_;
};

}  // namespace

template <typename Real>
void MixtureLoss::Evaluate(absl::Span<const Real> logits, absl::Span<const Real> raw,
                           absl::Span<const Real> y, absl::Span<Real> loss,
                           absl::Span<Real> logits_gradient, absl::Span<Real> raw_gradient) const {
  const int64_t components = head_.options().components;
  const int64_t dims = head_.options().dims;
  const int64_t channels = head_.normal_channels();
  assert(logits.size() == loss.size() * components && raw.size() == loss.size() * channels);
  assert(y.size() == loss.size() * dims && logits_gradient.size() == logits.size() &&
         raw_gradient.size() == raw.size());
  Gaussians<Real> gaussians(head_);
  std::vector<double> pi(components), gamma(components), gradient(channels);
  for (size_t row = 0; row < loss.size(); ++row) {
    const Real* raw_row = &raw[row * channels];
    std::copy_n(&logits[row * components], components, pi.begin());
    gamma = pi;
    const double log_sum = Normalise(pi);
    for (int64_t k = 0; k < components; ++k) {
      gamma[k] += gaussians.LogDensity(raw_row, &y[row * dims], k) - log_sum;
    }
    loss[row] = static_cast<Real>(std::clamp(-Normalise(gamma), -kMostLoss, kMostLoss));
    std::fill(gradient.begin(), gradient.end(), 0.0);
    for (int64_t k = 0; k < components; ++k) {
      logits_gradient[row * components + k] = static_cast<Real>(pi[k] - gamma[k]);
      gaussians.AddGradient(raw_row, k, gamma[k], gradient.data());
    }
    std::transform(gradient.begin(), gradient.end(), &raw_gradient[row * channels],
                   BoundedGradient<Real>);
  }
}

template void MixtureLoss::Evaluate(absl::Span<const float>, absl::Span<const float>,
                                    absl::Span<const float>, absl::Span<float>, absl::Span<float>,
                                    absl::Span<float>) const;
template void MixtureLoss::Evaluate(absl::Span<const double>, absl::Span<const double>,
                                    absl::Span<const double>, absl::Span<double>,
                                    absl::Span<double>, absl::Span<double>) const;

}  // namespace mdn

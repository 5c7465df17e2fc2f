#include "client/tool/marginal.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "client/tool/rows.h"

namespace mdn::tool {
namespace {

constexpr double kSqrtHalf = 0.70710678118654752440;
constexpr double kSqrtTwoPi = 2.50662827463100050242;

}  // namespace

Marginal::Marginal(const Prediction& prediction, int64_t row, int64_t dimension) {
  const auto log_pi = RowOf(prediction.log_pi, row);
  const auto mu = RowOf(prediction.mu, row);
  const auto sigma = RowOf(prediction.sigma, row);
  const size_t dims = mu.size() / log_pi.size();
  for (size_t k = 0; k < log_pi.size(); ++k) {
    const size_t i = k * dims + static_cast<size_t>(dimension);
    // Narrower ones would be points, without a density.
    const double deviation = std::max<double>(sigma[i], std::numeric_limits<float>::min());
    const double weight = std::exp(double{log_pi[k]});
    if (weight > 0) components_.push_back({weight, mu[i], deviation});
  }
}

double Marginal::Density(double y) const {
  double density = 0;
  for (const auto& [weight, mu, sigma] : components_) {
    const double z = (y - mu) / sigma;
    density += weight * std::exp(-0.5 * z * z) / (sigma * kSqrtTwoPi);
  }
  return density;
}

double Marginal::Cdf(double y) const {
  double below = 0;
  for (const auto& [weight, mu, sigma] : components_) {
    below += weight * 0.5 * std::erfc((mu - y) / sigma * kSqrtHalf);
  }
  return below;
}

double Marginal::Mean() const {
  double mean = 0;
  for (const auto& component : components_) mean += component.weight * component.mu;
  return mean;
}

double Marginal::Quantile(double p) const {
  // Beyond so many standard deviations nothing is left, in double.
  constexpr double kFar = 40;
  constexpr int kMostHalvings = 2100;
  double low = std::numeric_limits<double>::infinity(), high = -low;
  for (const auto& [weight, mu, sigma] : components_) {
    low = std::min(low, mu - kFar * sigma);
    high = std::max(high, mu + kFar * sigma);
  }
  for (int i = 0; i < kMostHalvings; ++i) {
    const double middle = low + (high - low) / 2;
    if (middle <= low || middle >= high) break;
    (Cdf(middle) < p ? low : high) = middle;
  }
  return high;
}

}  // namespace mdn::tool

#include "tests/support/statistics.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace mdn {

double NormalCdf(double z) { return 0.5 * std::erfc(-z / std::sqrt(2.0)); }

double MixtureCdf(const MixtureRow& mixture, int64_t dim, double y) {
  double cdf = 0;
  for (int64_t k = 0; k < mixture.shape.components; ++k) {
    const int64_t at = k * mixture.shape.dims + dim;
    cdf +=
        std::exp(double{mixture.log_pi[k]}) * NormalCdf((y - mixture.mu[at]) / mixture.sigma[at]);
  }
  return cdf;
}

double KolmogorovSmirnovDistance(std::vector<double> samples,
                                 const std::function<double(double)>& cdf) {
  std::sort(samples.begin(), samples.end());
  const auto count = static_cast<double>(samples.size());
  double distance = 0;
  for (size_t i = 0; i < samples.size(); ++i) {
    const double expected = cdf(samples[i]);
    distance = std::max({distance, expected - i / count, (i + 1) / count - expected});
  }
  return distance;
}

double KolmogorovSmirnovBound(int64_t samples, double p) {
  return std::sqrt(std::log(2 / p) / (2.0 * samples));
}

double ChiSquareDistance(const std::vector<int64_t>& counts,
                         const std::vector<double>& probabilities) {
  const double total = std::accumulate(counts.begin(), counts.end(), int64_t{0});
  double distance = 0;
  for (size_t i = 0; i < counts.size(); ++i) {
    const double expected = total * probabilities[i];
    if (expected > 0) {
      distance += (counts[i] - expected) * (counts[i] - expected) / expected;
    } else if (counts[i] > 0) {
      return std::numeric_limits<double>::infinity();
    }
  }
  return distance;
}

double ChiSquareBound(int64_t degrees_of_freedom, double p) {
  const double x = -std::log(p);
  return degrees_of_freedom + 2 * std::sqrt(degrees_of_freedom * x) + 2 * x;
}

}  // namespace mdn

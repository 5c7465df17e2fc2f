#ifndef MDN_TESTS_SUPPORT_STATISTICS_H_
#define MDN_TESTS_SUPPORT_STATISTICS_H_

#include <cstdint>
#include <functional>
#include <vector>

#include "model/mixture/mixture.h"

namespace mdn {

/// A Bound is what a correct sampler's Distance exceeds with probability at most `p`. With a fixed
/// seed a test then passes always or never.

double NormalCdf(double z);

/// P(Y_d <= y): the marginal distribution of one dimension, from log_pi, mu and sigma.
double MixtureCdf(const MixtureRow& mixture, int64_t dim, double y);

/// sup |empirical CDF - cdf|, the Kolmogorov-Smirnov statistic of a continuous distribution.
double KolmogorovSmirnovDistance(std::vector<double> samples,
                                 const std::function<double(double)>& cdf);
/// Massart's form of the Dvoretzky-Kiefer-Wolfowitz inequality, which holds for every sample size.
double KolmogorovSmirnovBound(int64_t samples, double p);

/// sum (count - n q)^2 / (n q) over the classes of probability q > 0; infinite if a class of
/// probability 0 was seen.
double ChiSquareDistance(const std::vector<int64_t>& counts,
                         const std::vector<double>& probabilities);
/// Laurent and Massart's bound of the chi-square distribution's upper tail: for classes that are
/// expected to be seen often.
double ChiSquareBound(int64_t degrees_of_freedom, double p);

}  // namespace mdn

#endif  // MDN_TESTS_SUPPORT_STATISTICS_H_

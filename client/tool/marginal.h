#ifndef MDN_CLIENT_TOOL_MARGINAL_H_
#define MDN_CLIENT_TOOL_MARGINAL_H_

#include <cstdint>
#include <vector>

#include "mdn/types.h"

namespace mdn::tool {

/// The distribution of one dimension of y at one x: a Gaussian mixture on the line, which keeps the
/// weights, and that dimension's means and standard deviations. Immutable; thread-safe.
class Marginal {
 public:
  /// Of a row of a prediction of shapes [rows, K] and [rows, K, D].
  Marginal(const Prediction& prediction, int64_t row, int64_t dimension);

  double Density(double y) const;
  /// P(Y <= y).
  double Cdf(double y) const;
  double Mean() const;
  /// The smallest y with P(Y <= y) >= p, to the last bits of a double. Requires 0 < p < 1.
  double Quantile(double p) const;

 private:
  struct Component {
    double weight, mu, sigma;
  };

  std::vector<Component> components_;
};

}  // namespace mdn::tool

#endif  // MDN_CLIENT_TOOL_MARGINAL_H_

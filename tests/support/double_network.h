#ifndef MDN_TESTS_SUPPORT_DOUBLE_NETWORK_H_
#define MDN_TESTS_SUPPORT_DOUBLE_NETWORK_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "model/checkpoint/checkpoint.h"

namespace mdn {

/// What a Mixture holds, in float64 and the same shapes.
struct DoubleMixture {
  std::vector<double> log_pi;
  std::vector<double> mu;
  std::vector<double> sigma;
  std::vector<double> log_scale;
  std::vector<double> scale_tril;
};

/// Evaluates a standard network in float64, by the documentation's formulas and with none of the
/// product's code. x [rows, dim_in], in the data's units.
DoubleMixture EvaluateInDouble(const Checkpoint& checkpoint, absl::Span<const float> x,
                               int64_t rows);

}  // namespace mdn

#endif  // MDN_TESTS_SUPPORT_DOUBLE_NETWORK_H_

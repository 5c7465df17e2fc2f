#include "model/mixture/component_choice.h"

#include <algorithm>
#include <cassert>

#include "model/mixture/portable_math.h"

namespace mdn {

void CumulativeWeights(absl::Span<const float> log_pi, float temperature,
                       absl::Span<double> cumulative) {
  assert(!log_pi.empty() && cumulative.size() == log_pi.size());
  const auto heaviest = std::max_element(log_pi.begin(), log_pi.end());
  if (temperature == 0) {
    const auto first = heaviest - log_pi.begin();
    std::fill(cumulative.begin(), cumulative.begin() + first, 0.0);
    std::fill(cumulative.begin() + first, cumulative.end(), 1.0);
    return;
  }
  double total = 0;
  for (size_t k = 0; k < log_pi.size(); ++k) {
    total += PortableExp((double{log_pi[k]} - *heaviest) / temperature);
    cumulative[k] = total;
  }
  for (double& sum : cumulative) sum /= total;
}

int ChooseComponent(absl::Span<const double> cumulative, double u) {
  auto chosen = std::upper_bound(cumulative.begin(), cumulative.end(), u);
  if (chosen == cumulative.end()) {
    chosen = std::lower_bound(cumulative.begin(), cumulative.end(), cumulative.back());
  }
  return static_cast<int>(chosen - cumulative.begin());
}

}  // namespace mdn

#include "model/mixture/component_choice.h"

#include <algorithm>
#include <cassert>

#include "model/mixture/portable_math.h"

namespace mdn {
namespace {

// How many words w have (w + 1/2) / 2^32 < u.
uint64_t WordsBelow(double u) {
  const double bound = u * 0x1p32 - 0.5;
  if (bound <= 0) return 0;
  const auto whole = static_cast<uint64_t>(bound);
  return static_cast<double>(whole) < bound ? whole + 1 : whole;
}

}  // namespace

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

uint32_t ComponentThresholds(absl::Span<const double> cumulative, absl::Span<uint32_t> thresholds) {
  assert(!cumulative.empty() && thresholds.size() >= cumulative.size());
  constexpr uint32_t kHighestWord = 0xffffffff;
  uint32_t chosen = 0;
  for (; chosen + 1 < cumulative.size(); ++chosen) {
    const uint64_t words = WordsBelow(cumulative[chosen]);
    if (words > kHighestWord) break;
    thresholds[chosen] = static_cast<uint32_t>(words);
  }
  std::fill(thresholds.begin() + chosen, thresholds.end(), kHighestWord);
  return chosen;
}

}  // namespace mdn

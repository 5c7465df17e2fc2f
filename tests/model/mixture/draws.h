#ifndef MDN_TESTS_MODEL_MIXTURE_DRAWS_H_
#define MDN_TESTS_MODEL_MIXTURE_DRAWS_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "model/mixture/mixture.h"
#include "model/mixture/sampling.h"

namespace mdn {

/// samples [S, D], components [S].
struct Draws {
  std::vector<float> samples;
  std::vector<int32_t> components;
};

/// From the mixture's first row, counted as `row`.
inline Draws Draw(const Mixture& mixture, int64_t count, const SamplingOptions& options = {},
                  int64_t row = 0) {
  Draws draws = {std::vector<float>(count * mixture.shape.dims), std::vector<int32_t>(count)};
  DrawSamples(mixture.Row(0), options, row, absl::MakeSpan(draws.samples),
              absl::MakeSpan(draws.components));
  return draws;
}

}  // namespace mdn

#endif  // MDN_TESTS_MODEL_MIXTURE_DRAWS_H_

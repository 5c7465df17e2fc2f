#ifndef MDN_TESTS_MODEL_ENGINE_NATIVE_ROW_BITS_H_
#define MDN_TESTS_MODEL_ENGINE_NATIVE_ROW_BITS_H_

#include <gtest/gtest.h>

#include <cstring>

#include "absl/types/span.h"
#include "model/mixture/mixture.h"

namespace mdn {

/// Whether two rows hold the same bits: log_pi, mu, sigma, log_scale and scale_tril.
inline testing::AssertionResult SameBits(const MixtureRow& row, const MixtureRow& expected) {
  const struct {
    const char* name;
    absl::Span<const float> numbers, expected;
  } arrays[] = {{"log_pi", row.log_pi, expected.log_pi},
                {"mu", row.mu, expected.mu},
                {"sigma", row.sigma, expected.sigma},
                {"log_scale", row.log_scale, expected.log_scale},
                {"scale_tril", row.scale_tril, expected.scale_tril}};
  for (const auto& array : arrays) {
    if (array.numbers.size() != array.expected.size()) {
      return testing::AssertionFailure() << array.name << " has another size";
    }
    for (size_t i = 0; i < array.numbers.size(); ++i) {
      if (std::memcmp(&array.numbers[i], &array.expected[i], sizeof(float)) != 0) {
        return testing::AssertionFailure() << array.name << "[" << i << "] is " << array.numbers[i]
                                           << " for " << array.expected[i];
      }
    }
  }
  return testing::AssertionSuccess();
}

}  // namespace mdn

#endif  // MDN_TESTS_MODEL_ENGINE_NATIVE_ROW_BITS_H_

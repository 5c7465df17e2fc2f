#ifndef MDN_TESTS_MODEL_MIXTURE_MIXTURE_BITS_H_
#define MDN_TESTS_MODEL_MIXTURE_MIXTURE_BITS_H_

#include <gtest/gtest.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/base/casts.h"
#include "model/mixture/mixture.h"

namespace mdn {

/// Every array of a mixture.
inline constexpr std::vector<float> Mixture::*kArrays[] = {
    &Mixture::log_pi, &Mixture::mu, &Mixture::sigma, &Mixture::log_scale, &Mixture::scale_tril};

/// The mixtures are the same to the bit, but for those of what is no number.
inline void ExpectSameBits(const Mixture& mixture, const Mixture& expected) {
  for (const auto array : kArrays) {
    const std::vector<float>& numbers = mixture.*array;
    ASSERT_EQ(numbers.size(), (expected.*array).size());
    for (size_t i = 0; i < numbers.size(); ++i) {
      const float number = (expected.*array)[i];
      if (std::isnan(numbers[i]) && std::isnan(number)) continue;
      ASSERT_EQ(absl::bit_cast<uint32_t>(numbers[i]), absl::bit_cast<uint32_t>(number))
          << numbers[i] << " for " << number << ", number " << i;
    }
  }
}

}  // namespace mdn

#endif  // MDN_TESTS_MODEL_MIXTURE_MIXTURE_BITS_H_

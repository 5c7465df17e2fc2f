#ifndef MDN_MODEL_MIXTURE_PHILOX_H_
#define MDN_MODEL_MIXTURE_PHILOX_H_

#include <array>
#include <cstdint>

namespace mdn {

using PhiloxCounter = std::array<uint32_t, 4>;
using PhiloxKey = std::array<uint32_t, 2>;

constexpr int kPhiloxRounds = 10;
constexpr PhiloxKey kPhiloxMultipliers = {0xD2511F53, 0xCD9E8D57};

constexpr PhiloxKey NextRoundKey(const PhiloxKey& key) {
  return {key[0] + 0x9E3779B9, key[1] + 0xBB67AE85};
}

constexpr PhiloxCounter PhiloxRound(const PhiloxCounter& counter, const PhiloxKey& key) {
  const uint64_t first = uint64_t{kPhiloxMultipliers[0]} * counter[0];
  const uint64_t second = uint64_t{kPhiloxMultipliers[1]} * counter[2];
  return {static_cast<uint32_t>(second >> 32) ^ counter[1] ^ key[0], static_cast<uint32_t>(second),
          static_cast<uint32_t>(first >> 32) ^ counter[3] ^ key[1], static_cast<uint32_t>(first)};
}

/// 128 random bits, a pure function of counter and key: Philox 4x32 with 10 rounds, from Salmon,
/// Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3" (SC 2011).
constexpr PhiloxCounter Philox(PhiloxCounter counter, PhiloxKey key) {
  for (int round = 0; round < kPhiloxRounds; ++round) {
    counter = PhiloxRound(counter, key);
    key = NextRoundKey(key);
  }
  return counter;
}

}  // namespace mdn

#endif  // MDN_MODEL_MIXTURE_PHILOX_H_

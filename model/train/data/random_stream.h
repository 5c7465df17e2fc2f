#ifndef MDN_MODEL_TRAIN_DATA_RANDOM_STREAM_H_
#define MDN_MODEL_TRAIN_DATA_RANDOM_STREAM_H_

#include <cstdint>

#include "model/mixture/normal.h"
#include "model/mixture/philox.h"

namespace mdn {

/// Random numbers in sequence, the same for the same seed and stream on every platform, which the
/// standard library's distributions are not. Confined to one thread.
class RandomStream {
 public:
  RandomStream(uint64_t seed, uint64_t stream) : seed_(seed), stream_(stream) {}

  uint64_t Bits() {
    if (place_ == 4) Refill();
    place_ += 2;
    return uint64_t{words_[place_ - 2]} << 32 | words_[place_ - 1];
  }

  /// In [0, 1), of 53 bits.
  double Uniform() { return static_cast<double>(Bits() >> 11) * 0x1p-53; }
  double Uniform(double low, double high) { return low + (high - low) * Uniform(); }

  double Normal() {
    const uint64_t bits = Bits();
    return BoxMuller(static_cast<uint32_t>(bits >> 32), static_cast<uint32_t>(bits)).first;
  }

  /// In [0, bound), each with the same chance. Requires bound > 0.
  uint64_t Below(uint64_t bound) {
    const uint64_t surplus = (UINT64_MAX % bound + 1) % bound;
    uint64_t bits = Bits();
    while (bits > UINT64_MAX - surplus) bits = Bits();
    return bits % bound;
  }

 private:
  void Refill() {
    words_ = Philox({static_cast<uint32_t>(block_), static_cast<uint32_t>(block_ >> 32),
                     static_cast<uint32_t>(stream_), static_cast<uint32_t>(stream_ >> 32)},
                    {static_cast<uint32_t>(seed_), static_cast<uint32_t>(seed_ >> 32)});
    ++block_;
    place_ = 0;
  }

  const uint64_t seed_, stream_;
  uint64_t block_ = 0;
  PhiloxCounter words_{};
  int place_ = 4;
};

}  // namespace mdn

#endif  // MDN_MODEL_TRAIN_DATA_RANDOM_STREAM_H_

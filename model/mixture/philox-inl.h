// Philox 4x32-10 of many counters at once, for every SIMD target.

#include "model/mixture/simd_targets.h"
//
#include "hwy/highway.h"

#if defined(MDN_MODEL_MIXTURE_PHILOX_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MDN_MODEL_MIXTURE_PHILOX_INL_H_
#undef MDN_MODEL_MIXTURE_PHILOX_INL_H_
#else
#define MDN_MODEL_MIXTURE_PHILOX_INL_H_
#endif

#include <array>
#include <cstdint>

#include "model/mixture/philox.h"

HWY_BEFORE_NAMESPACE();
namespace mdn {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

using WordTag = hn::ScalableTag<uint32_t>;
using WordVector = hn::Vec<WordTag>;

/// Two vectors whose lanes are samples: lane i of `lower` is sample i, lane i of `upper` sample
/// Lanes + i.
template <class V>
struct OfSamples {
  V lower;
  V upper;
};

#if HWY_TARGET == HWY_SCALAR

/// The blocks of Lanes(WordTag()) successive counters, which here is one.
class PhiloxBlocks {
 public:
  PhiloxBlocks() = default;
  explicit PhiloxBlocks(const PhiloxCounter& words) : words_(words) {}

  template <int kWord>
  HWY_INLINE WordVector Word() const {
    return hn::Set(WordTag(), words_[kWord]);
  }

  HWY_INLINE OfSamples<WordVector> FirstWords() const { return {Word<0>(), Word<1>()}; }

 private:
  PhiloxCounter words_;
};

template <class V>
HWY_INLINE OfSamples<V> InOrderOfSamples(V first, V second) {
  return {first, second};
}

class PhiloxGenerator {
 public:
  PhiloxGenerator(const PhiloxCounter& counter, const PhiloxKey& key)
      : counter_(counter), key_(key) {}

  template <size_t kCount>
  HWY_INLINE void Generate(uint32_t first, PhiloxBlocks (&blocks)[kCount]) const {
    PhiloxCounter counter = counter_;
    for (size_t i = 0; i < kCount; ++i) {
      counter[1] = first + static_cast<uint32_t>(i);
      blocks[i] = PhiloxBlocks(Philox(counter, key_));
    }
  }

 private:
  PhiloxCounter counter_;
  PhiloxKey key_;
};

#else  // HWY_TARGET != HWY_SCALAR

using PhiloxTag = hn::ScalableTag<uint64_t>;
using PhiloxVector = hn::Vec<PhiloxTag>;

HWY_INLINE PhiloxVector High(PhiloxVector product) { return hn::ShiftRight<32>(product); }

/// The products of the lanes' low halves.
HWY_INLINE PhiloxVector MultiplyLow(PhiloxVector a, PhiloxVector b) {
  const hn::Repartition<uint32_t, PhiloxTag> d;
  return hn::MulEven(hn::BitCast(d, a), hn::BitCast(d, b));
}

HWY_INLINE PhiloxVector PhiloxMultiplier(int i) {
  return hn::Set(PhiloxTag(), uint64_t{kPhiloxMultipliers[i]});
}

/// The even lanes of `even`, each followed by the even lane of `odd` there.
template <class V>
HWY_INLINE V Alternating(V even, V odd) {
#if HWY_TARGET == HWY_AVX3
  // One instruction; OddEven's mask would ask for a second one.
  const hn::DFromV<V> d;
  const auto high_halves = hn::Set(PhiloxTag(), uint64_t{0xffffffff} << 32);
  return hn::IfThenElse(hn::MaskFromVec(hn::BitCast(d, high_halves)), hn::DupEven(odd), even);
#else
  return hn::OddEven(hn::DupEven(odd), even);
#endif
}

/// The four words of as many blocks as there are lanes, each in the low half of its lane; the high
/// halves mean nothing.
struct PhiloxWords {
  PhiloxVector w0, w1, w2, w3;
};

/// The blocks of Lanes(WordTag()) successive counters, of which the last round's products are
/// known. Halves of these are brought together where they are wanted.
class PhiloxBlocks {
 public:
  PhiloxBlocks() = default;
  /// From the words before the last round, whose key is `key`, of the lower and of the upper half
  /// of the counters.
  HWY_INLINE PhiloxBlocks(const PhiloxWords& lower, const PhiloxWords& upper, const PhiloxKey& key)
      : lower_(lower), upper_(upper), key_(key) {}

  /// One word of every block: the lower half of the blocks in even lanes, the upper in odd ones.
  template <int kWord>
  HWY_INLINE WordVector Word() const {
    static_assert(kWord >= 0 && kWord < 4, "Philox gives four words");
    constexpr bool kOfFirst = kWord >= 2;
    const WordVector lower = kOfFirst ? lower_.first : lower_.second;
    const WordVector upper = kOfFirst ? upper_.first : upper_.second;
    if (kWord % 2 == 1) return Alternating(lower, upper);
    const WordVector before =
        kOfFirst ? Alternating(lower_.w3, upper_.w3) : Alternating(lower_.w1, upper_.w1);
    const WordVector high = hn::OddEven(upper, hn::DupOdd(lower));
    return hn::Xor3(high, before, hn::Set(WordTag(), key_[kOfFirst ? 1 : 0]));
  }

  /// Words 0 and 1 of block g in the places of samples 2g and 2g + 1.
  HWY_INLINE OfSamples<WordVector> FirstWords() const {
    return {FirstWords(lower_), FirstWords(upper_)};
  }

 private:
  // Products as pairs of their low and high halves, and words that are still to be mixed in, in
  // even lanes.
  struct LastRound {
    LastRound() = default;
    HWY_INLINE explicit LastRound(const PhiloxWords& c)
        : first(Halves(MultiplyLow(c.w0, PhiloxMultiplier(0)))),
          second(Halves(MultiplyLow(c.w2, PhiloxMultiplier(1)))),
          w1(Halves(c.w1)),
          w3(Halves(c.w3)) {}
    WordVector first, second, w1, w3;
  };

  static HWY_INLINE WordVector Halves(PhiloxVector v) { return hn::BitCast(WordTag(), v); }

  HWY_INLINE WordVector FirstWords(const LastRound& of) const {
    const PhiloxTag d;
    const PhiloxVector word = hn::And(hn::BitCast(d, of.w1), hn::Set(d, uint64_t{0xffffffff}));
    const PhiloxVector high_low = hn::BitCast(d, hn::Shuffle2301(of.second));
    return Halves(hn::Xor3(high_low, word, hn::Set(d, uint64_t{key_[0]})));
  }

  LastRound lower_, upper_;
  PhiloxKey key_;
};

/// From the order of PhiloxBlocks::Word: `first` of block g in the place of sample 2g, `second` in
/// that of 2g + 1.
template <class V>
HWY_INLINE OfSamples<V> InOrderOfSamples(V first, V second) {
  return {Alternating(first, second), hn::OddEven(second, hn::DupOdd(first))};
}

/// Blocks that share all of their counter but word 1, and so most of the first three rounds, which
/// is done once.
class PhiloxGenerator {
 public:
  PhiloxGenerator(const PhiloxCounter& counter, PhiloxKey key) {
    // In each round, what counter word 1 has not reached yet, computed as if that word were 0.
    const PhiloxCounter one = PhiloxRound({counter[0], 0, counter[2], counter[3]}, key);
    key = NextRoundKey(key);
    const PhiloxCounter two = PhiloxRound({0, one[1], one[2], one[3]}, key);
    key = NextRoundKey(key);
    const PhiloxCounter three = PhiloxRound({two[0], two[1], 0, 0}, key);
    w0_of_one_ = one[0];
    w2_of_two_ = two[2];
    w0_of_three_ = three[0];
    w2_of_three_ = three[2];
    w3_of_three_ = three[3];
    for (auto& late_key : late_keys_) {
      key = NextRoundKey(key);
      late_key = {key[0], key[1]};
    }
    last_key_ = NextRoundKey(key);
  }

  /// Of counters whose word 1 is first, first + 1, ... All are computed at once, round by round:
  /// the instructions of one wait for one another.
  template <size_t kCount>
  HWY_INLINE void Generate(uint32_t first, PhiloxBlocks (&blocks)[kCount]) const {
    const PhiloxTag d;
    // Iota of anything but a constant would go through memory, lane by lane.
    const PhiloxVector lanes = hn::Iota(d, 0);
    PhiloxWords words[2 * kCount];
    for (uint32_t i = 0; i < 2 * kCount; ++i) {
      const uint64_t counter = first + i * static_cast<uint32_t>(hn::Lanes(d));
      words[i] = ThreeRounds(hn::Add(lanes, hn::Set(d, counter)));
    }
    // Not as a loop, in which every word would have to return to its register.
    HWY_UNROLL(kLateRounds)
    for (size_t round = 0; round < kLateRounds; ++round) {
      const auto& key = late_keys_[round];
      for (PhiloxWords& each : words) each = Round(each, hn::Set(d, key[0]), hn::Set(d, key[1]));
    }
    for (size_t i = 0; i < kCount; ++i) blocks[i] = {words[2 * i], words[2 * i + 1], last_key_};
  }

 private:
  static HWY_INLINE PhiloxWords Round(const PhiloxWords& c, PhiloxVector key0, PhiloxVector key1) {
    const PhiloxVector first = MultiplyLow(c.w0, PhiloxMultiplier(0));
    const PhiloxVector second = MultiplyLow(c.w2, PhiloxMultiplier(1));
    return {hn::Xor3(High(second), c.w1, key0), second, hn::Xor3(High(first), c.w3, key1), first};
  }

  HWY_INLINE PhiloxWords ThreeRounds(PhiloxVector counter) const {
    const PhiloxTag d;
    const PhiloxVector two =
        MultiplyLow(hn::Xor(counter, hn::Set(d, w0_of_one_)), PhiloxMultiplier(0));
    const PhiloxVector three =
        MultiplyLow(hn::Xor(High(two), hn::Set(d, w2_of_two_)), PhiloxMultiplier(1));
    return {hn::Xor(High(three), hn::Set(d, w0_of_three_)), three,
            hn::Xor(two, hn::Set(d, w2_of_three_)), hn::Set(d, w3_of_three_)};
  }

  // Between the first three, which are shared, and the last one.
  static constexpr size_t kLateRounds = kPhiloxRounds - 4;

  uint64_t w0_of_one_, w2_of_two_, w0_of_three_, w2_of_three_, w3_of_three_;
  std::array<std::array<uint64_t, 2>, kLateRounds> late_keys_;
  PhiloxKey last_key_;
};

#endif  // HWY_TARGET == HWY_SCALAR

}  // namespace HWY_NAMESPACE
}  // namespace mdn
HWY_AFTER_NAMESPACE();

#endif  // MDN_MODEL_MIXTURE_PHILOX_INL_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "model/mixture/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tests/model/mixture/philox_blocks_test.cc"
#include "hwy/foreach_target.h"
//
#include "hwy/highway.h"
#include "model/mixture/philox-inl.h"

HWY_BEFORE_NAMESPACE();
namespace mdn {
namespace HWY_NAMESPACE {
namespace {

constexpr size_t kVectors = 2;

template <int kWord>
void StoreWord(const PhiloxBlocks& blocks, std::vector<PhiloxCounter>& out) {
  // Blocks of the lower half of the counters lie in even lanes, of the upper half in odd ones.
  const size_t lanes = hn::Lanes(WordTag());
  HWY_ALIGN uint32_t words[hn::MaxLanes(WordTag())];
  hn::Store(blocks.Word<kWord>(), WordTag(), words);
  PhiloxCounter* block = &*out.end() - lanes;
  for (size_t i = 0; i < lanes; ++i) block[i / 2 + i % 2 * (lanes / 2)][kWord] = words[i];
}

// As many successive counters as two vectors hold.
std::vector<PhiloxCounter> Generate(const PhiloxCounter& counter, const PhiloxKey& key) {
  PhiloxBlocks blocks[kVectors];
  PhiloxGenerator(counter, key).Generate(counter[1], blocks);
  std::vector<PhiloxCounter> out;
  for (const PhiloxBlocks& each : blocks) {
    out.resize(out.size() + hn::Lanes(WordTag()));
    StoreWord<0>(each, out);
    StoreWord<1>(each, out);
    StoreWord<2>(each, out);
    StoreWord<3>(each, out);
  }
  return out;
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace mdn
HWY_AFTER_NAMESPACE();

#if HWY_ONCE

#include <gtest/gtest.h>

#include "tests/model/mixture/simd_target_loop.h"

namespace mdn {
namespace {

HWY_EXPORT(Generate);

std::vector<PhiloxCounter> BlocksFrom(const PhiloxCounter& counter, const PhiloxKey& key) {
  return HWY_DYNAMIC_DISPATCH(Generate)(counter, key);
}

struct KnownAnswer {
  PhiloxCounter counter;
  PhiloxKey key;
  PhiloxCounter words;
};

constexpr uint32_t kOnes = 0xffffffff;

// Published with Random123.
constexpr KnownAnswer kKnownAnswers[] = {
    {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
    {{kOnes, kOnes, kOnes, kOnes},
     {kOnes, kOnes},
     {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
    {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
     {0xa4093822, 0x299f31d0},
     {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
};

TEST(PhiloxBlocksTest, GiveTheKnownAnswers) {
  ForEverySimdTarget([](int64_t target) {
    for (const KnownAnswer& known : kKnownAnswers) {
      EXPECT_EQ(BlocksFrom(known.counter, known.key)[0], known.words) << hwy::TargetName(target);
    }
  });
}

TEST(PhiloxBlocksTest, AreThoseOfOneCounterAfterAnother) {
  ForEverySimdTarget([](int64_t target) {
    for (const uint32_t first : {0u, 7u, 0x7ffffffbu, 0xfffffff8u}) {
      PhiloxCounter counter = {3, first, 0x12345678, 0x9abcdef0};
      const PhiloxKey key = {20240607, 99};
      for (const PhiloxCounter& words : BlocksFrom(counter, key)) {
        EXPECT_EQ(words, Philox(counter, key)) << hwy::TargetName(target) << " " << counter[1];
        ++counter[1];
      }
    }
  });
}

}  // namespace
}  // namespace mdn

#endif  // HWY_ONCE

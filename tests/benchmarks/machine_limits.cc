#include "tests/benchmarks/machine_limits.h"

#include "model/mixture/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tests/benchmarks/machine_limits.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
// Behind foreach_target.h.
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace mdn {
namespace HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;
using Tag = hn::ScalableTag<float>;
using Vector = hn::Vec<Tag>;

// Enough to hide the latency of one behind the others.
constexpr int kChains = 12;

int64_t MultiplyAdd(int64_t rounds, float& result) {
  const Tag tag;
  const Vector factor = hn::Set(tag, 0.999f);
  const Vector summand = hn::Set(tag, 0.001f);
  Vector chains[kChains];
  for (int c = 0; c < kChains; ++c) chains[c] = hn::Set(tag, static_cast<float>(c));
  for (int64_t round = 0; round < rounds; ++round) {
    for (int c = 0; c < kChains; ++c) chains[c] = hn::MulAdd(chains[c], factor, summand);
  }
  Vector sum = chains[0];
  for (int c = 1; c < kChains; ++c) sum = hn::Add(sum, chains[c]);
  result = hn::GetLane(hn::SumOfLanes(tag, sum));
  return rounds * kChains * static_cast<int64_t>(hn::Lanes(tag));
}

float Read(const float* numbers, int64_t count) {
  constexpr int kSums = 8;
  const Tag tag;
  const auto lanes = static_cast<int64_t>(hn::Lanes(tag));
  Vector sums[kSums];
  for (int s = 0; s < kSums; ++s) sums[s] = hn::Zero(tag);
  for (int64_t i = 0; i < count; i += kSums * lanes) {
    for (int s = 0; s < kSums; ++s) {
      sums[s] = hn::Add(sums[s], hn::Load(tag, numbers + i + s * lanes));
    }
  }
  for (int s = 1; s < kSums; ++s) sums[0] = hn::Add(sums[0], sums[s]);
  return hn::GetLane(hn::SumOfLanes(tag, sums[0]));
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace mdn
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mdn {

HWY_EXPORT(MultiplyAdd);
HWY_EXPORT(Read);

int64_t MultiplyAddAtPeak(int64_t rounds) {
  volatile float sink;
  float result = 0;
  const int64_t count = HWY_DYNAMIC_DISPATCH(MultiplyAdd)(rounds, result);
  sink = result;
  static_cast<void>(sink);
  return count;
}

float ReadAtPeak(absl::Span<const float> numbers) {
  return HWY_DYNAMIC_DISPATCH(Read)(numbers.data(), static_cast<int64_t>(numbers.size()));
}

}  // namespace mdn
#endif

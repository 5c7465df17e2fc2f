#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <new>
#include <vector>

#include "model/mixture/density.h"
#include "model/mixture/sampling.h"
#include "tests/support/noise_models.h"

namespace {
std::atomic<int64_t> allocations = 0;
}  // namespace

// Kept whole, so that the compiler does not see a new that ends in a free.
[[gnu::noinline]] void* operator new(std::size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace mdn {
namespace {

constexpr int64_t kRows = 16;

template <typename Work>
int64_t AllocationsOf(Work work) {
  const int64_t before = allocations;
  work();
  return allocations - before;
}

TEST(AllocationTest, AssemblingIntoAMixtureThatWasAsLargeBeforeAllocatesNothing) {
  for (const MixtureHead::Options& options : EveryNoiseModel(5, 4)) {
    const MixtureHead head(options);
    const std::vector<float> logits = RandomNumbers(kRows * 5, 1, 1);
    const std::vector<float> raw = RandomNumbers(kRows * head.normal_channels(), 1, 2);
    Mixture mixture;
    mixture.Resize(head.shape(), kRows);
    EXPECT_EQ(AllocationsOf([&] { head.Assemble(logits, raw, kRows, mixture); }), 0)
        << NoiseModelName(options);
  }
}

TEST(AllocationTest, DensitiesOfASmallMixtureAllocateNothing) {
  for (const MixtureHead::Options& options : EveryNoiseModel(5, 4)) {
    const Mixture mixture = RandomMixture(options, 1, 3);
    const std::vector<float> y = RandomNumbers(kRows * 4, 1, 4);
    std::vector<float> out(kRows);
    EXPECT_EQ(AllocationsOf([&] { LogDensity(mixture.Row(0), y, absl::MakeSpan(out)); }), 0)
        << NoiseModelName(options);
  }
}

TEST(AllocationTest, DrawsDoNotAllocatePerSample) {
  const Mixture mixture = RandomMixture(EveryNoiseModel(200, 100)[0], 1, 5);
  std::vector<float> one(100);
  std::vector<float> many(100'000);
  const auto draw = [&mixture](std::vector<float>& samples) {
    DrawSamples(mixture.Row(0), {}, 0, absl::MakeSpan(samples), {});
  };
  EXPECT_EQ(AllocationsOf([&] { draw(many); }), AllocationsOf([&] { draw(one); }));
}

TEST(AllocationTest, DrawsOfASmallMixtureAllocateNothing) {
  for (const MixtureHead::Options& options : EveryNoiseModel(5, 4)) {
    const Mixture mixture = RandomMixture(options, 1, 6);
    std::vector<float> samples(kRows * 4);
    EXPECT_EQ(
        AllocationsOf([&] { DrawSamples(mixture.Row(0), {}, 0, absl::MakeSpan(samples), {}); }), 0)
        << NoiseModelName(options);
  }
}

}  // namespace
}  // namespace mdn

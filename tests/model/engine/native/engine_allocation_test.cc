#include <gtest/gtest.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <thread>
#include <vector>

#include "tests/model/engine/native/network_cases.h"
#include "tests/support/noise_models.h"

namespace {
std::atomic<int64_t> allocations = 0;
}  // namespace

// Highway takes its memory from malloc, as operator new does, and both from shared libraries: these
// stand before the C library's own for all of them.
extern "C" {
void* __libc_malloc(size_t size);
void* __libc_calloc(size_t count, size_t size);
void* __libc_realloc(void* memory, size_t size);
void* __libc_memalign(size_t alignment, size_t size);

void* malloc(size_t size) {
  ++allocations;
  return __libc_malloc(size);
}
void* calloc(size_t count, size_t size) {
  ++allocations;
  return __libc_calloc(count, size);
}
void* realloc(void* memory, size_t size) {
  ++allocations;
  return __libc_realloc(memory, size);
}
void* aligned_alloc(size_t alignment, size_t size) {
  ++allocations;
  return __libc_memalign(alignment, size);
}
}

namespace mdn {
namespace {

constexpr int64_t kRows = 300;

template <typename Work>
int64_t AllocationsOf(Work work) {
  const int64_t before = allocations;
  work();
  return allocations - before;
}

NetworkCase CaseOfModel(const MixtureHead::Options& options) {
  NetworkCase network = CaseOf({3, 4, 5, 50}, options.noise_type, kRows, 1);
  network.checkpoint.config.isotropic_layout = options.isotropic_layout;
  network.checkpoint.config.x_shift = {1, 2, 3};
  network.checkpoint.config.x_scale = {1, 2, 3};
  return network;
}

TEST(EngineAllocationTest, TheFirstCallOfAThreadIsCounted) {
  const NetworkCase network = CaseOfModel(EveryNoiseModel(5, 4)[0]);
  const auto engine = MakeNative(network.checkpoint);
  Mixture mixture = Evaluate(*engine, network.x);
  int64_t count = 0;
  std::thread([&] {
    count = AllocationsOf([&] { EXPECT_TRUE(engine->Evaluate(network.x, kRows, mixture).ok()); });
  }).join();
  EXPECT_GT(count, 0);
}

TEST(EngineAllocationTest, LaterCallsIntoAMixtureThatWasAsLargeAllocateNothing) {
  for (const MixtureHead::Options& options : EveryNoiseModel(5, 4)) {
    const NetworkCase network = CaseOfModel(options);
    const auto engine = MakeNative(network.checkpoint);
    Mixture mixture = Evaluate(*engine, network.x);
    for (const int64_t rows : {kRows, int64_t{1}, int64_t{7}, int64_t{128}, kRows}) {
      const auto x = absl::MakeConstSpan(network.x).first(rows * engine->dim_in());
      bool succeeded = false;
      EXPECT_EQ(AllocationsOf([&] { succeeded = engine->Evaluate(x, rows, mixture).ok(); }), 0)
          << NoiseModelName(options) << ", " << rows << " rows";
      EXPECT_TRUE(succeeded);
    }
  }
}

}  // namespace
}  // namespace mdn

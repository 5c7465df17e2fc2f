#include <benchmark/benchmark.h>

#include <vector>

#include "model/mixture/density.h"
#include "model/mixture/sampling.h"
#include "tests/support/noise_models.h"

namespace mdn {
namespace {

// EveryNoiseModel's order.
constexpr int kDiagonal = 0;
constexpr int kFull = 4;

Mixture OneRow(int noise_model, int64_t components, int64_t dims) {
  return RandomMixture(EveryNoiseModel(components, dims)[noise_model], 1, 1);
}

// items_per_second: normal numbers, D a sample.
void DrawNormals(benchmark::State& state, int noise_model) {
  const int64_t dims = state.range(0);
  const Mixture mixture = OneRow(noise_model, state.range(1), dims);
  std::vector<float> samples(state.range(2) * dims);
  SamplingOptions options;
  for (auto _ : state) {
    ++options.seed;
    DrawSamples(mixture.Row(0), options, 0, absl::MakeSpan(samples), {});
    benchmark::DoNotOptimize(samples.data());
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(samples.size()));
}

// items_per_second: log densities.
void LogDensities(benchmark::State& state, int noise_model) {
  const int64_t dims = state.range(0);
  const Mixture mixture = OneRow(noise_model, state.range(1), dims);
  const std::vector<float> y = RandomNumbers(state.range(2) * dims, 4, 2);
  std::vector<float> out(state.range(2));
  for (auto _ : state) {
    LogDensity(mixture.Row(0), y, absl::MakeSpan(out));
    benchmark::DoNotOptimize(out.data());
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(out.size()));
}

BENCHMARK_CAPTURE(DrawNormals, diagonal, kDiagonal)
    ->ArgNames({"D", "K", "samples"})
    ->Args({1, 3, 1000})
    ->Args({1, 5, 1000})
    ->Args({1, 5, 100000})
    ->Args({1, 5, 1})
    ->Args({1, 16, 1000})
    ->Args({1, 64, 1000})
    ->Args({1, 256, 1000})
    ->Args({4, 8, 1000})
    ->Args({4, 8, 1});
BENCHMARK_CAPTURE(DrawNormals, full, kFull)
    ->ArgNames({"D", "K", "samples"})
    ->Args({4, 8, 1000})
    ->Args({4, 8, 1});

BENCHMARK_CAPTURE(LogDensities, diagonal, kDiagonal)
    ->ArgNames({"D", "K", "points"})
    ->Args({1, 5, 1000})
    ->Args({1, 5, 1})
    ->Args({1, 16, 1})
    ->Args({4, 8, 1000})
    ->Args({4, 8, 1})
    ->Args({32, 16, 1});
BENCHMARK_CAPTURE(LogDensities, full, kFull)
    ->ArgNames({"D", "K", "points"})
    ->Args({4, 8, 1000})
    ->Args({4, 8, 1});

}  // namespace
}  // namespace mdn

BENCHMARK_MAIN();

// One thread evaluates batches with the native engine and with LibTorch, beside what bounds them:
// the core's multiply-adds, and reading the weights once. Run by tests/benchmarks/engine.

#include <benchmark/benchmark.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "hwy/aligned_allocator.h"
#include "model/engine/native/native_engine.h"
#include "model/engine/torch/torch_engine.h"
#include "tests/benchmarks/machine_limits.h"
#include "tests/support/noise_models.h"
#include "tests/support/random_checkpoint.h"

namespace mdn {
namespace {

constexpr NetworkSize kSizes[] = {
    {1, 1, 3, 50}, {8, 4, 5, 128}, {16, 4, 8, 256}, {64, 16, 8, 512}, {64, 32, 16, 1024}};
constexpr int64_t kRows[] = {1, 2, 8, 32, 128, 512, 4096};

int64_t Weights(const Checkpoint& checkpoint) {
  int64_t weights = 0;
  for (const auto& [name, tensor] : checkpoint.tensors) {
    weights += static_cast<int64_t>(tensor.values.size());
  }
  return weights;
}

void Evaluate(benchmark::State& state, const Engine& engine, const Checkpoint& checkpoint,
              int64_t rows) {
  const std::vector<float> x = RandomNumbers(rows * engine.dim_in(), 1, 7);
  Mixture mixture;
  for (auto _ : state) {
    if (!engine.Evaluate(x, rows, mixture).ok()) state.SkipWithError("failed");
    benchmark::DoNotOptimize(mixture.mu.data());
    benchmark::ClobberMemory();
  }
  // Biases are added for nothing: they begin the sums.
  state.counters["multiply_adds"] =
      benchmark::Counter(static_cast<double>(rows * Weights(checkpoint)),
                         benchmark::Counter::kIsIterationInvariantRate);
  state.counters["rows"] =
      benchmark::Counter(static_cast<double>(rows), benchmark::Counter::kIsIterationInvariantRate);
}

void MultiplyAdds(benchmark::State& state) {
  int64_t count = 0;
  for (auto _ : state) count += MultiplyAddAtPeak(100000);
  state.counters["multiply_adds"] =
      benchmark::Counter(static_cast<double>(count), benchmark::Counter::kIsRate);
}

void ReadWeights(benchmark::State& state, int64_t weights) {
  const int64_t count = (weights + 511) / 512 * 512;
  const auto numbers = hwy::AllocateAligned<float>(count);
  std::fill_n(numbers.get(), count, 1.0f);
  for (auto _ : state) benchmark::DoNotOptimize(ReadAtPeak({numbers.get(), size_t(count)}));
  state.counters["bytes"] = benchmark::Counter(static_cast<double>(4 * weights),
                                               benchmark::Counter::kIsIterationInvariantRate);
}

void Register() {
  benchmark::RegisterBenchmark("peak", MultiplyAdds);
  for (const NetworkSize& size : kSizes) {
    const auto checkpoint =
        std::make_shared<const Checkpoint>(RandomCheckpoint(size, NoiseType::kDiagonal, 1));
    const std::shared_ptr<const Engine> native = *MakeNativeEngine(*checkpoint);
    const std::shared_ptr<const Engine> torch = *MakeTorchEngine(*checkpoint);
    const std::string name =
        absl::StrCat(size.dim_in, ",", size.dim_out, ",", size.n_components, ",", size.hidden_dim);
    benchmark::RegisterBenchmark(
        absl::StrCat("read/", name).c_str(),
        [weights = Weights(*checkpoint)](benchmark::State& state) { ReadWeights(state, weights); });
    for (const int64_t rows : kRows) {
      for (const auto& engine : {native, torch}) {
        benchmark::RegisterBenchmark(absl::StrCat(engine->name(), "/", name, "/", rows).c_str(),
                                     [engine, checkpoint, rows](benchmark::State& state) {
                                       Evaluate(state, *engine, *checkpoint, rows);
                                     });
      }
    }
  }
}

}  // namespace
}  // namespace mdn

int main(int argc, char** argv) {
  mdn::Register();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 64;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}

// One thread evaluates batches with the native engine, with LibTorch as its users would, and with
// the torch engine, beside what bounds them: the core's multiply-adds, and reading the weights
// once. Run by tests/benchmarks/engine.

#include <benchmark/benchmark.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "hwy/aligned_allocator.h"
#include "model/engine/native/native_engine.h"
#include "model/engine/torch/torch_engine.h"
#include "tests/benchmarks/libtorch_network.h"
#include "tests/benchmarks/machine_limits.h"
#include "tests/support/noise_models.h"
#include "tests/support/random_checkpoint.h"

namespace mdn {
namespace {

constexpr NetworkSize kSizes[] = {
    {1, 1, 3, 50}, {8, 4, 5, 128}, {16, 4, 8, 256}, {64, 16, 8, 512}, {64, 32, 16, 1024}};
constexpr int64_t kRows[] = {1, 2, 8, 16, 24, 32, 128, 512, 4096};

// Biases cost no multiply-add: they begin the sums.
int64_t MultiplyAddsOfARow(const Checkpoint& checkpoint) {
  int64_t weights = 0;
  for (const auto& [name, tensor] : checkpoint.tensors) {
    if (tensor.shape.size() == 2) weights += static_cast<int64_t>(tensor.values.size());
  }
  return weights;
}

int64_t Weights(const Checkpoint& checkpoint) {
  int64_t weights = 0;
  for (const auto& [name, tensor] : checkpoint.tensors) {
    weights += static_cast<int64_t>(tensor.values.size());
  }
  return weights;
}

template <typename Function>
void Evaluate(benchmark::State& state, const Checkpoint& checkpoint, int64_t rows,
              const Function& evaluate) {
  const std::vector<float> x = RandomNumbers(rows * checkpoint.config.dim_in, 1, 7);
  for (auto _ : state) {
    evaluate(x, rows);
    benchmark::ClobberMemory();
  }
  state.counters["multiply_adds"] =
      benchmark::Counter(static_cast<double>(rows * MultiplyAddsOfARow(checkpoint)),
                         benchmark::Counter::kIsIterationInvariantRate);
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
}

template <typename Function>
void Register(const std::string& what, const std::string& size,
              const std::shared_ptr<const Checkpoint>& checkpoint, const Function& evaluate) {
  for (const int64_t rows : kRows) {
    benchmark::RegisterBenchmark(
        absl::StrCat(what, "/", size, "/", rows).c_str(),
        [=](benchmark::State& state) { Evaluate(state, *checkpoint, rows, evaluate); });
  }
}

void RegisterEngine(const std::string& size, const std::shared_ptr<const Checkpoint>& checkpoint,
                    const std::shared_ptr<const Engine>& engine) {
  Register(
      std::string(engine->name()), size, checkpoint,
      [engine, mixture = std::make_shared<Mixture>()](const std::vector<float>& x, int64_t rows) {
        benchmark::DoNotOptimize(engine->Evaluate(x, rows, *mixture).ok());
      });
}

void RegisterSize(const NetworkSize& size) {
  const auto checkpoint =
      std::make_shared<const Checkpoint>(RandomCheckpoint(size, NoiseType::kDiagonal, 1));
  const std::string name =
      absl::StrCat(size.dim_in, ",", size.dim_out, ",", size.n_components, ",", size.hidden_dim);
  benchmark::RegisterBenchmark(
      absl::StrCat("read/", name).c_str(),
      [weights = Weights(*checkpoint)](benchmark::State& state) { ReadWeights(state, weights); });
  RegisterEngine(name, checkpoint, *MakeNativeEngine(*checkpoint));
  RegisterEngine(name, checkpoint, *MakeTorchEngine(*checkpoint));
  Register("libtorch", name, checkpoint,
           [network = std::make_shared<LibTorchNetwork>(*checkpoint)](const std::vector<float>& x,
                                                                      int64_t rows) {
             benchmark::DoNotOptimize(network->Forward(x, rows));
           });
}

}  // namespace
}  // namespace mdn

int main(int argc, char** argv) {
  benchmark::RegisterBenchmark("peak", mdn::MultiplyAdds);
  for (const mdn::NetworkSize& size : mdn::kSizes) mdn::RegisterSize(size);
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 64;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}

#include "model/engine/native/native_engine.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "model/engine/native/aligned_memory.h"
#include "model/engine/native/column_kernels.h"
#include "model/engine/native/kernels.h"
#include "model/engine/native/packed_layer.h"
#include "model/engine/native/row_threads.h"
#include "model/mixture/noise_model.h"

namespace mdn {
namespace {

// Whole tiles of every kernel. Measured: with 48 rows, whatever the width, a row costs at most 2 %
// more than with 512; with 32 up to 6 % more, with 24 up to 76 %. Of each thread, since they share
// a batch.
constexpr int64_t kEfficientRows = 48;
// Rows that pass through all layers before the next ones do: enough to read the weights seldom, few
// enough that their activations stay in the cache.
constexpr int64_t kBlockRows = 96;
// The same of groups of rows.
constexpr int64_t kBlockGroups = 2;
// Column kernels read the weights more often, which larger networks keep too far away.
constexpr int64_t kMostColumnOperations = int64_t{1} << 20;
// Parts of less work than this are not worth waking a thread for.
constexpr int64_t kLeastPartOperations = int64_t{4} << 20;

int64_t RoundUp(int64_t value, int64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

/// Memory of this thread's, which grows to the largest size that was asked for. Its contents do not
/// outlive the caller's use.
float* ThreadScratch(int64_t numbers) {
  thread_local AlignedMemory memory;
  thread_local int64_t size = 0;
  if (size < numbers) {
    memory = AllocateAlignedMemory(numbers);
    size = numbers;
  }
  return memory.get();
}

/// Two perceptrons with two hidden layers each, evaluated side by side. A row of hidden activations
/// holds those of pi_network, then those of normal_network, each with room for whole vectors.
class NativeEngine final : public Engine {
 public:
  NativeEngine(const Checkpoint& checkpoint, const Kernels& kernels,
               const ColumnKernels& column_kernels, int threads)
      : config_(checkpoint.config),
        kernels_(kernels),
        column_kernels_(column_kernels),
        head_(HeadOptions(config_)),
        hidden_width_(RoundUp(config_.hidden_dim, kernels.lanes)),
        logits_width_(RoundUp(config_.n_components, kernels.lanes)),
        normal_width_(RoundUp(head_.normal_channels(), kernels.lanes)),
        first_(Pack(checkpoint, "0", 0, hidden_width_)),
        second_(Pack(checkpoint, "2", hidden_width_, hidden_width_)),
        third_(Pack(checkpoint, "4", hidden_width_, logits_width_)),
        has_column_kernels_(column_kernels.lanes > 0 &&
                            OperationsPerRow() <= kMostColumnOperations),
        least_part_rows_(1 + kLeastPartOperations / OperationsPerRow()),
        threads_(threads) {}

  absl::Status Evaluate(absl::Span<const float> x, int64_t rows, Mixture& mixture) const override {
    mixture.Resize(head_.shape(), rows);
    const auto evaluate = [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end;) {
        row += EvaluateBlock(&x[row * config_.dim_in], row, end - row, mixture);
      }
    };
    if (rows <= least_part_rows_ || threads_.threads() == 1) {
      evaluate(0, rows);
    } else {
      threads_.Run(rows, PartRows(rows), evaluate);
    }
    return absl::OkStatus();
  }

  int64_t efficient_rows() const override { return kEfficientRows * threads_.threads(); }
  int64_t dim_in() const override { return config_.dim_in; }
  MixtureShape shape() const override { return head_.shape(); }
  absl::string_view name() const override { return "native"; }

 private:
  PackedLayer Pack(const Checkpoint& checkpoint, absl::string_view layer, int64_t input_offset,
                   int64_t output_offset) const {
    const auto tensor = [&](absl::string_view network, absl::string_view kind) -> const Tensor& {
      return checkpoint.tensors.at(absl::StrCat(network, "_network.", layer, ".", kind));
    };
    return PackedLayer(kernels_, {DenseLayer{tensor("pi", "weight"), tensor("pi", "bias"), 0, 0},
                                  DenseLayer{tensor("normal", "weight"), tensor("normal", "bias"),
                                             input_offset, output_offset}});
  }

  int64_t OperationsPerRow() const {
    return config_.hidden_dim * (2 * (config_.dim_in + config_.hidden_dim) + config_.n_components +
                                 head_.normal_channels());
  }

  // Rows that one thread takes at a time.
  int64_t PartRows(int64_t rows) const {
    const int64_t each = (rows + threads_.threads() - 1) / threads_.threads();
    return RoundUp(std::max(least_part_rows_, std::min(each, kBlockRows)), kernels_.lanes);
  }

  // Some of `rows` rows of the mixture, from first_row on and from x [rows, dim_in] on; how many.
  int64_t EvaluateBlock(const float* x, int64_t first_row, int64_t rows, Mixture& mixture) const {
    const Groups groups = GroupsOf(rows);
    if (groups.count == 0) {
      const int64_t few = std::min(kBlockRows, rows);
      EvaluateRows(x, first_row, few, mixture);
      return few;
    }
    EvaluateGroups(x, first_row, groups, mixture);
    return groups.count * groups.rows();
  }

  struct Groups {
    int64_t count;
    int64_t vectors;
    int64_t lanes;
    int64_t rows() const { return vectors * lanes; }
  };

  // Groups of one size, within `rows`; none where they are too few, or better evaluated as rows.
  Groups GroupsOf(int64_t rows) const {
    if (!has_column_kernels_) return {};
    const int64_t vectors = rows / column_kernels_.lanes;
    if (vectors < 2) return {};
    // Of 3 vectors, unless one would be left alone.
    const int64_t each = vectors % 3 == 1 || vectors == 2 ? 2 : 3;
    return {std::min(vectors / each, kBlockGroups), each, column_kernels_.lanes};
  }

  // At most kBlockRows.
  void EvaluateRows(const float* x, int64_t first_row, int64_t rows, Mixture& mixture) const {
    const int64_t hidden = 2 * hidden_width_;
    const int64_t outputs = logits_width_ + normal_width_;
    const int64_t inputs = RoundUp(rows * config_.dim_in, kernels_.lanes);
    float* const scaled = ThreadScratch(inputs + rows * (2 * hidden + outputs));
    float* const first = scaled + inputs;
    float* const second = first + rows * hidden;
    float* const third = second + rows * hidden;
    if (!config_.x_scale.empty()) CopyInput(x, rows, config_.dim_in, 1, scaled);
    kernels_.evaluate_layer(first_.panels(), first_.inputs(), Activation::kRelu,
                            {config_.x_scale.empty() ? x : scaled, config_.dim_in}, rows,
                            {first, hidden});
    kernels_.evaluate_layer(second_.panels(), second_.inputs(), Activation::kRelu, {first, hidden},
                            rows, {second, hidden});
    kernels_.evaluate_layer(third_.panels(), third_.inputs(), Activation::kNone, {second, hidden},
                            rows, {third, outputs});
    head_.AssembleRows({third, outputs, third + logits_width_, outputs}, first_row, rows, mixture);
  }

  void EvaluateGroups(const float* x, int64_t first_row, const Groups& groups,
                      Mixture& mixture) const {
    const int64_t rows = groups.rows();
    const int64_t outputs = logits_width_ + normal_width_;
    const int64_t stride = rows * std::max({config_.dim_in, 2 * hidden_width_, outputs});
    // Layers read one and write the other.
    float* const here = ThreadScratch(2 * groups.count * stride + rows * outputs);
    float* const there = here + groups.count * stride;
    float* const spare = there + groups.count * stride;
    const auto evaluate = [&](const PackedLayer& layer, Activation activation, const float* from,
                              float* to) {
      column_kernels_.evaluate_layer(layer.panels(), layer.inputs(), activation, {from, stride},
                                     groups.count, groups.vectors, {to, stride});
    };
    for (int64_t group = 0; group < groups.count; ++group) {
      CopyInput(x + group * rows * config_.dim_in, rows, 1, rows, here + group * stride);
    }
    evaluate(first_, Activation::kRelu, here, there);
    evaluate(second_, Activation::kRelu, there, here);
    evaluate(third_, Activation::kNone, here, there);
    for (int64_t group = 0; group < groups.count; ++group) {
      float* const raw = there + group * stride;
      head_.AssembleColumns({raw, raw + logits_width_ * rows, rows, spare},
                            first_row + group * rows, mixture);
    }
  }

  // x [rows, dim_in] in the network's units: feature f of row r to to[r * row_step + f * step].
  void CopyInput(const float* x, int64_t rows, int64_t row_step, int64_t step, float* to) const {
    const int64_t features = config_.dim_in;
    for (int64_t row = 0; row < rows; ++row, x += features, to += row_step) {
      for (int64_t f = 0; f < features; ++f) {
        to[f * step] = config_.x_scale.empty()
                           ? x[f]
                           : static_cast<float>((x[f] - config_.x_shift[f]) / config_.x_scale[f]);
      }
    }
  }

  const ModelConfig config_;
  const Kernels& kernels_;
  const ColumnKernels& column_kernels_;
  const MixtureHead head_;
  // Of one network, in floats.
  const int64_t hidden_width_, logits_width_, normal_width_;
  const PackedLayer first_, second_, third_;
  const bool has_column_kernels_;
  const int64_t least_part_rows_;
  mutable RowThreads threads_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Engine>> MakeNativeEngine(const Checkpoint& checkpoint,
                                                         const NativeEngineOptions& options) {
  if (checkpoint.format == CheckpointFormat::kTorchScript) {
    return absl::InvalidArgumentError(
        "the native engine evaluates the standard network only; a TorchScript archive needs the "
        "torch engine");
  }
  return std::make_unique<NativeEngine>(checkpoint, BestKernels(), BestColumnKernels(),
                                        options.threads);
}

}  // namespace mdn

#ifndef MDN_MODEL_CHECKPOINT_CHECKPOINT_H_
#define MDN_MODEL_CHECKPOINT_CHECKPOINT_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "model/checkpoint/model_config.h"

namespace mdn {

enum class CheckpointFormat { kPyTorch, kPyTorchLegacy, kSafetensors, kTorchScript };
/// "pytorch", "pytorch-legacy", "safetensors", "torchscript".
absl::string_view CheckpointFormatName(CheckpointFormat format);

/// A dense float32 tensor in row-major order.
struct Tensor {
  std::vector<int64_t> shape;
  std::vector<float> values;
};

/// A file of trained weights, read and checked.
struct Checkpoint {
  std::string path;
  CheckpointFormat format = CheckpointFormat::kPyTorch;
  /// Of the whole file, lower-case hexadecimal.
  std::string sha256;
  /// Complete for a state dict. For TorchScript only what was said is set; the engine learns the
  /// rest from the network, and zeros mean unsaid.
  ModelConfig config;
  /// The twelve tensors of the standard network: {pi_network,normal_network}.{0,2,4}.{weight,bias},
  /// shapes as in torch.nn.Linear (weight [out, in]), all finite. Empty for TorchScript.
  std::map<std::string, Tensor> tensors;
  /// The file itself, for TorchScript only.
  std::string script;
};

struct LoadOptions {
  /// What the operator said; weakest of the three sources.
  ConfigHints flags;
  /// Loading TorchScript runs code from the file.
  bool allow_torchscript = false;
  /// Larger files are refused before they are read.
  int64_t max_file_bytes = int64_t{4} << 30;
};

/// Loads what a training run wrote: a PyTorch state dict (alone, inside a training checkpoint, or
/// inside a whole pickled module; zip or the format before PyTorch 1.6), safetensors, or a
/// TorchScript archive. Executes nothing that the file holds. The configuration comes from the
/// file's metadata, then from `<path>.json` or the same name with the extension `.json`, then from
/// the flags; what follows from the shapes alone is inferred.
/// NOT_FOUND: no such file. PERMISSION_DENIED: not readable. INVALID_ARGUMENT: anything else that
/// is wrong with it; the message names the tensor or the key, and says what would help.
absl::StatusOr<Checkpoint> LoadCheckpoint(const std::string& path, const LoadOptions& options);

/// As LoadCheckpoint, of a file's bytes. `path` only names them; `sidecar` is what the file beside
/// it says.
absl::StatusOr<Checkpoint> ParseCheckpoint(std::string bytes, const std::string& path,
                                           const LoadOptions& options,
                                           const ConfigHints& sidecar = {});

}  // namespace mdn

#endif  // MDN_MODEL_CHECKPOINT_CHECKPOINT_H_

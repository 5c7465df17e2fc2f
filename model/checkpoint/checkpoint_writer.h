#ifndef MDN_MODEL_CHECKPOINT_CHECKPOINT_WRITER_H_
#define MDN_MODEL_CHECKPOINT_CHECKPOINT_WRITER_H_

#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "model/checkpoint/checkpoint.h"
#include "model/checkpoint/model_config.h"

namespace mdn {

/// A safetensors file of the tensors, with ConfigMetadata. The same input gives the same bytes.
std::string SafetensorsBytes(const ModelConfig& config,
                             const std::map<std::string, Tensor>& tensors);

/// What torch.save(model.state_dict()) writes, for torch.load, with weights_only too: a zip archive
/// that holds a pickled OrderedDict of float32 tensors, in the order of the names' layers,
/// pi_network first. It does not hold the configuration. The same input gives the same bytes.
/// RESOURCE_EXHAUSTED: out of memory.
absl::StatusOr<std::string> PyTorchBytes(const std::map<std::string, Tensor>& tensors);

/// Writes `directory`/model.safetensors, model.pt, and model.json with model.pt's configuration,
/// each as WriteFileAtomically does. LoadCheckpoint reads back the same bits of every tensor and
/// number from either.
absl::Status SaveCheckpoint(const std::string& directory, const ModelConfig& config,
                            const std::map<std::string, Tensor>& tensors);

}  // namespace mdn

#endif  // MDN_MODEL_CHECKPOINT_CHECKPOINT_WRITER_H_

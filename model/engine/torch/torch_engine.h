#ifndef MDN_MODEL_ENGINE_TORCH_TORCH_ENGINE_H_
#define MDN_MODEL_ENGINE_TORCH_TORCH_ENGINE_H_

#include <memory>

#include "absl/status/statusor.h"
#include "model/checkpoint/checkpoint.h"
#include "model/engine/engine.h"

namespace mdn {

/// Evaluates a checkpoint with LibTorch, on one intra-op thread of the caller's: the standard
/// network from its tensors, or a TorchScript archive whose forward(x [N, dim_in]) returns log_pi
/// [N, K], mu [N, K, D] and sigma [N, K, D]. Creating the latter runs code from the archive.
/// INVALID_ARGUMENT: the archive cannot be loaded, does not have such a forward, or contradicts the
/// checkpoint's configuration; the message says what came and what was expected.
absl::StatusOr<std::unique_ptr<Engine>> MakeTorchEngine(const Checkpoint& checkpoint);

}  // namespace mdn

#endif  // MDN_MODEL_ENGINE_TORCH_TORCH_ENGINE_H_

#ifndef MDN_MODEL_CHECKPOINT_NETWORK_SHAPE_H_
#define MDN_MODEL_CHECKPOINT_NETWORK_SHAPE_H_

#include <cstdint>
#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "model/checkpoint/model_config.h"
#include "model/checkpoint/stored_tensor.h"

namespace mdn {

/// What the tensors alone say.
struct NetworkShape {
  int64_t dim_in = 0;
  int64_t hidden_dim = 0;
  int64_t n_components = 0;
  /// Of normal_network: means and raw scales.
  int64_t outputs = 0;
};

/// Requires the twelve tensors of the standard network. INVALID_ARGUMENT names the one whose shape
/// does not fit the others.
absl::StatusOr<NetworkShape> CheckNetworkShape(const std::map<std::string, StoredTensor>& tensors);

/// The configuration that fits both the tensors and the hints. Noise types and dim_out are those
/// that need as many outputs as there are; where several are left that are the same function, the
/// first of NoiseType. INVALID_ARGUMENT: a hint contradicts the tensors, or several functions are
/// left, which are listed with what would decide. `path` is the checkpoint's, for the advice.
absl::StatusOr<ModelConfig> InferConfig(const NetworkShape& shape, const ConfigHints& hints,
                                        const std::string& path);

}  // namespace mdn

#endif  // MDN_MODEL_CHECKPOINT_NETWORK_SHAPE_H_

#ifndef MDN_MODEL_CHECKPOINT_PYTORCH_TENSOR_H_
#define MDN_MODEL_CHECKPOINT_PYTORCH_TENSOR_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "model/checkpoint/dtype.h"
#include "model/checkpoint/pickle.h"
#include "model/checkpoint/stored_tensor.h"

namespace mdn {

/// What a persistent id of torch.save refers to: ('storage', class, key, location, size[, view]).
struct StorageReference {
  /// Unset for torch.UntypedStorage, whose numbers are bytes.
  std::optional<Dtype> dtype;
  std::string key;
  int64_t size = 0;
  /// Of a view, in the files of PyTorch 0.3 and before.
  int64_t offset = 0;
};

/// INVALID_ARGUMENT: not such an id.
absl::StatusOr<StorageReference> ReadStorageReference(const Pickle& pickle, NodeId id);

/// Whether the node is a call that rebuilds a tensor or a parameter.
bool IsTensor(const Pickle& pickle, NodeId id);

/// Requires IsTensor. INVALID_ARGUMENT says what is wrong with the call's arguments.
absl::StatusOr<StoredTensor> ReadTensor(const Pickle& pickle, NodeId id);

}  // namespace mdn

#endif  // MDN_MODEL_CHECKPOINT_PYTORCH_TENSOR_H_

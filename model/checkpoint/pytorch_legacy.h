#ifndef MDN_MODEL_CHECKPOINT_PYTORCH_LEGACY_H_
#define MDN_MODEL_CHECKPOINT_PYTORCH_LEGACY_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "model/checkpoint/stored_tensor.h"

namespace mdn {

/// Whether the bytes begin as torch.save wrote before PyTorch 1.6: the pickle of a magic number.
bool IsPyTorchLegacy(absl::string_view bytes);

/// The state dict of such a file: pickles of a magic number, a version, the writer's platform, the
/// object and the keys of its storages; then each storage, its size first. `bytes` must outlive the
/// result.
absl::StatusOr<StoredTensors> ReadPyTorchLegacy(absl::string_view bytes);

}  // namespace mdn

#endif  // MDN_MODEL_CHECKPOINT_PYTORCH_LEGACY_H_

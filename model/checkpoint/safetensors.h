#ifndef MDN_MODEL_CHECKPOINT_SAFETENSORS_H_
#define MDN_MODEL_CHECKPOINT_SAFETENSORS_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "model/checkpoint/stored_tensor.h"

namespace mdn {

/// Whether the bytes can only be meant as safetensors: the length of a header that fits, or a brace
/// where the header begins.
bool LooksLikeSafetensors(absl::string_view bytes);

/// Reads a file of the safetensors format: the header's length in 8 bytes, the header in JSON, the
/// numbers. Keeps the format's own rules (no key twice, tensors without gaps or overlaps to the
/// very end) and bounds of ours: 1 MiB of header, 1024 tensors, floating types only.
/// INVALID_ARGUMENT names the tensor. `bytes` must outlive the result.
absl::StatusOr<StoredTensors> ReadSafetensors(absl::string_view bytes);

}  // namespace mdn

#endif  // MDN_MODEL_CHECKPOINT_SAFETENSORS_H_

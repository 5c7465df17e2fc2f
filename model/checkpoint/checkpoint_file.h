#ifndef MDN_MODEL_CHECKPOINT_CHECKPOINT_FILE_H_
#define MDN_MODEL_CHECKPOINT_CHECKPOINT_FILE_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace mdn {

/// The bytes of a regular file, read once. NOT_FOUND, PERMISSION_DENIED as LoadCheckpoint;
/// INVALID_ARGUMENT: another kind of file, larger than `max_bytes`, or changed while it was read.
/// Never waits for a writer.
absl::StatusOr<std::string> ReadRegularFile(const std::string& path, int64_t max_bytes);

/// Lower-case hexadecimal.
std::string Sha256Hex(absl::string_view bytes);

}  // namespace mdn

#endif  // MDN_MODEL_CHECKPOINT_CHECKPOINT_FILE_H_

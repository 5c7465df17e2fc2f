#ifndef MDN_MODEL_CHECKPOINT_FILE_WRITER_H_
#define MDN_MODEL_CHECKPOINT_FILE_WRITER_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace mdn {

/// Writes a file beside its place, flushes it to the disk and renames it: a reader finds the old
/// file or the new one, never a part, and a failure leaves the old one. Makes the directories that
/// are missing. Errors name the path. PERMISSION_DENIED; RESOURCE_EXHAUSTED: the disk or a quota is
/// full; INVALID_ARGUMENT: anything else that the system refuses.
absl::Status WriteFileAtomically(const std::string& path, absl::string_view bytes);

}  // namespace mdn

#endif  // MDN_MODEL_CHECKPOINT_FILE_WRITER_H_

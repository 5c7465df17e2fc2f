#ifndef MDN_SERVER_REPOSITORY_VERSION_FILES_H_
#define MDN_SERVER_REPOSITORY_VERSION_FILES_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"

namespace mdn {

/// Tells whether the files of a version have changed, without reading them: kind, size, times and
/// identity of each. Empty: `directory` is no directory that can be examined.
std::string VersionFingerprint(const std::string& directory);

/// The files of one version of a model, read once and checked.
struct VersionFiles {
  /// Of model.safetensors, model.pt and model.ts the first that there is.
  std::string checkpoint_name;
  std::string checkpoint;
  /// model.json and golden.json, where they are.
  std::optional<std::string> config, golden;
};

/// Reads a version's directory. Where it holds a SHA256SUMS, as `sha256sum *` writes it, that must
/// list each of the files above that there is, with its sum, and those of them that it lists must
/// be there. Errors name the file, without the directory: NOT_FOUND, PERMISSION_DENIED;
/// INVALID_ARGUMENT: a file does not fit, is larger than `max_checkpoint_bytes`, or the sums do not
/// agree; ABORTED: a file has changed since `fingerprint` was taken.
absl::StatusOr<VersionFiles> ReadVersionFiles(const std::string& directory,
                                              const std::string& fingerprint,
                                              int64_t max_checkpoint_bytes);

}  // namespace mdn

#endif  // MDN_SERVER_REPOSITORY_VERSION_FILES_H_

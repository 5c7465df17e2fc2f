#include "server/security/credential_file.h"

#include <cstdint>

#include "absl/strings/str_cat.h"
#include "model/checkpoint/checkpoint_file.h"

namespace mdn {

absl::StatusOr<std::string> ReadCredentialFile(const std::string& path) {
  constexpr int64_t kMaxBytes = 1 << 20;
  absl::StatusOr<std::string> text = ReadRegularFile(path, kMaxBytes);
  if (text.ok()) return text;
  return absl::Status(text.status().code(), absl::StrCat(path, ": ", text.status().message()));
}

}  // namespace mdn

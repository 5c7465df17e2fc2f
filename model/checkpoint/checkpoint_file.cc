#include "model/checkpoint/checkpoint_file.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cassert>
#include <cerrno>
#include <cstddef>
#include <system_error>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace mdn {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  int number() const { return number_; }

 private:
  const int number_;
};

absl::Status FromErrno(int error, absl::string_view what) {
  const std::string message = absl::StrCat(what, ": ", std::generic_category().message(error));
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return absl::NotFoundError(message);
    case EACCES:
    case EPERM:
      return absl::PermissionDeniedError(message);
    default:
      return absl::InvalidArgumentError(message);
  }
}

absl::Status CheckKind(const struct stat& file, int64_t max_bytes) {
  if (!S_ISREG(file.st_mode)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "is ", S_ISDIR(file.st_mode) ? "a directory" : "no regular file", ", expected a file"));
  }
  if (file.st_size <= max_bytes) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("has ", file.st_size, " bytes, expected at most ", max_bytes));
}

// Reads until the buffer is full or the file ends; the number of bytes.
absl::StatusOr<size_t> ReadInto(const Descriptor& file, char* buffer, size_t size) {
  size_t filled = 0;
  while (filled < size) {
    const ssize_t count = read(file.number(), buffer + filled, size - filled);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return FromErrno(errno, "cannot read it");
    if (count == 0) break;
    filled += static_cast<size_t>(count);
  }
  return filled;
}

}  // namespace

absl::StatusOr<std::string> ReadRegularFile(const std::string& path, int64_t max_bytes) {
  const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (file.number() < 0) return FromErrno(errno, "cannot open it");
  struct stat stat = {};
  if (fstat(file.number(), &stat) != 0) return FromErrno(errno, "cannot examine it");
  const absl::Status kind = CheckKind(stat, max_bytes);
  if (!kind.ok()) return kind;

  std::string bytes(static_cast<size_t>(stat.st_size), '\0');
  const absl::StatusOr<size_t> filled = ReadInto(file, bytes.data(), bytes.size());
  if (!filled.ok()) return filled.status();
  char beyond = 0;
  const absl::StatusOr<size_t> more = ReadInto(file, &beyond, 1);
  if (!more.ok()) return more.status();
  if (*filled != bytes.size() || *more != 0) {
    return absl::InvalidArgumentError("changed while it was read");
  }
  return bytes;
}

std::string Sha256Hex(absl::string_view bytes) {
  std::array<unsigned char, 32> digest = {};
  unsigned int length = 0;
  const int done =
      EVP_Digest(bytes.data(), bytes.size(), digest.data(), &length, EVP_sha256(), nullptr);
  assert(done == 1 && length == digest.size());
  static_cast<void>(done);
  return absl::BytesToHexString(
      absl::string_view(reinterpret_cast<const char*>(digest.data()), digest.size()));
}

}  // namespace mdn

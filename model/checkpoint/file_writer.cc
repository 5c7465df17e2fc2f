#include "model/checkpoint/file_writer.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"

namespace mdn {
namespace {

absl::Status FromErrno(int error, const std::string& path) {
  const std::string message =
      absl::StrCat(path, ": cannot be written: ", std::generic_category().message(error));
  switch (error) {
    case EACCES:
    case EPERM:
    case EROFS:
      return absl::PermissionDeniedError(message);
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return absl::ResourceExhaustedError(message);
    default:
      return absl::InvalidArgumentError(message);
  }
}

// The errno of the first write that fails, or 0.
int WriteAll(int file, absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(file, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return 0;
}

// Closes the file. The errno of what fails, or 0.
int WriteAndFlush(int file, absl::string_view bytes) {
  // mkstemp gives it to its owner alone; a server may run as someone else.
  constexpr mode_t kMode = 0644;
  int error = WriteAll(file, bytes);
  if (error == 0 && (fchmod(file, kMode) != 0 || fsync(file) != 0)) error = errno;
  if (close(file) != 0 && error == 0) error = errno;
  return error;
}

// So that the new name survives a loss of power; not every file system can do it.
void FlushDirectory(const std::filesystem::path& directory) {
  const int file = open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (file < 0) return;
  fsync(file);
  close(file);
}

}  // namespace

absl::Status WriteFileAtomically(const std::string& path, absl::string_view bytes) {
  const std::filesystem::path directory =
      std::filesystem::absolute(std::filesystem::path(path)).parent_path();
  std::error_code failure;
  std::filesystem::create_directories(directory, failure);
  if (failure) return FromErrno(failure.value(), path);

  std::string temporary = absl::StrCat(path, ".XXXXXX");
  const int file = mkostemp(temporary.data(), O_CLOEXEC);
  if (file < 0) return FromErrno(errno, path);
  int error = WriteAndFlush(file, bytes);
  if (error == 0 && std::rename(temporary.c_str(), path.c_str()) != 0) error = errno;
  if (error != 0) {
    unlink(temporary.c_str());
    return FromErrno(error, path);
  }
  FlushDirectory(directory);
  return absl::OkStatus();
}

}  // namespace mdn

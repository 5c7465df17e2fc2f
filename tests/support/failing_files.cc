// Preloaded into a program, makes its files fail. The file that FAILING_FILES names holds, whenever
// a file is opened, what is to fail: an error's number and the end of the paths that it concerns,
// such as "5 /wind/2/model.safetensors"; nothing, or no file: nothing does. EIO of a
// file comes from reading it, all else from opening.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdlib>
#include <string>

namespace {

std::array<std::atomic<bool>, 65536> failing;  // By descriptor.

template <class Function>
Function Real(const char* name) {
  return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

/// The error for this path; 0: none.
int ErrorOf(const std::string& path) {
  const char* const control = std::getenv("FAILING_FILES");
  if (control == nullptr) return 0;
  const long file = syscall(SYS_openat, AT_FDCWD, control, O_RDONLY | O_CLOEXEC);
  if (file < 0) return 0;
  std::string text(4096, '\0');
  const long size = syscall(SYS_read, file, text.data(), text.size());
  syscall(SYS_close, file);
  text.resize(size < 0 ? 0 : size);
  const size_t space = text.find(' ');
  if (space == std::string::npos) return 0;
  const std::string end = text.substr(space + 1);
  if (path.size() < end.size() || path.compare(path.size() - end.size(), end.size(), end) != 0) {
    return 0;
  }
  return std::atoi(text.c_str());
}

}  // namespace

extern "C" {

int open(const char* path, int flags, ...) {
  const int error = ErrorOf(path);
  if (error != 0 && error != EIO) {
    errno = error;
    return -1;
  }
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = va_arg(arguments, mode_t);
  va_end(arguments);
  static const auto real = Real<int (*)(const char*, int, ...)>("open");
  const int descriptor = real(path, flags, mode);
  if (descriptor >= 0) failing[descriptor] = error == EIO;
  return descriptor;
}

// Directories.
int openat(int directory, const char* path, int flags, ...) {
  if (const int error = ErrorOf(path); error != 0) {
    errno = error;
    return -1;
  }
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = va_arg(arguments, mode_t);
  va_end(arguments);
  static const auto real = Real<int (*)(int, const char*, int, ...)>("openat");
  return real(directory, path, flags, mode);
}

ssize_t read(int descriptor, void* buffer, size_t size) {
  if (descriptor >= 0 && failing[descriptor]) {
    errno = EIO;
    return -1;
  }
  static const auto real = Real<ssize_t (*)(int, void*, size_t)>("read");
  return real(descriptor, buffer, size);
}

int close(int descriptor) {
  if (descriptor >= 0) failing[descriptor] = false;
  static const auto real = Real<int (*)(int)>("close");
  return real(descriptor);
}

}  // extern "C"

#ifndef MDN_SERVER_CONNECTIONS_FILE_DESCRIPTOR_H_
#define MDN_SERVER_CONNECTIONS_FILE_DESCRIPTOR_H_

#include <unistd.h>

#include <utility>

namespace mdn {

/// A descriptor that is closed with this object. Thread-compatible.
class FileDescriptor {
 public:
  FileDescriptor() = default;
  /// Takes it over; -1: there is none.
  explicit FileDescriptor(int number) : number_(number) {}
  FileDescriptor(FileDescriptor&& other) noexcept : number_(other.Release()) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    Close();
    number_ = other.Release();
    return *this;
  }
  ~FileDescriptor() { Close(); }

  int number() const { return number_; }
  bool has_value() const { return number_ >= 0; }

  /// Gives it away.
  int Release() { return std::exchange(number_, -1); }
  void Close() {
    if (has_value()) close(Release());
  }

 private:
  int number_ = -1;
};

}  // namespace mdn

#endif  // MDN_SERVER_CONNECTIONS_FILE_DESCRIPTOR_H_

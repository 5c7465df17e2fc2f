#include "server/connections/open_connections.h"

#include <sys/socket.h>
#include <sys/stat.h>

namespace mdn {
namespace {

/// A look at 10,000 connections takes 3 ms.
constexpr std::chrono::milliseconds kBetweenLooks(100);

/// The number of the socket that the descriptor stands for, which the system does not give again;
/// 0 where it stands for none.
ino_t Socket(int descriptor) {
  struct stat file {};
  return fstat(descriptor, &file) == 0 && S_ISSOCK(file.st_mode) ? file.st_ino : 0;
}

}  // namespace

bool OpenConnections::Admit(int descriptor, Time now) {
  const std::lock_guard<std::mutex> lock(mutex_);
  // The one that had this descriptor is over.
  files_.erase(descriptor);
  const auto is_full = [this] { return files_.size() >= static_cast<size_t>(limit_); };
  if (is_full() && now - last_look_ >= kBetweenLooks) {
    last_look_ = now;
    ForgetEndedLocked();
  }
  if (is_full()) {
    ++refused_;
    return false;
  }
  files_.emplace(descriptor, Socket(descriptor));
  ++admitted_;
  return true;
}

void OpenConnections::CountRefused() {
  const std::lock_guard<std::mutex> lock(mutex_);
  ++refused_;
}

int64_t OpenConnections::open() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  ForgetEndedLocked();
  return static_cast<int64_t>(files_.size());
}

int64_t OpenConnections::admitted() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return admitted_;
}

int64_t OpenConnections::refused() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return refused_;
}

void OpenConnections::ForgetEndedLocked() const {
  for (auto file = files_.begin(); file != files_.end();) {
    const auto here = file++;
    if (Socket(here->first) != here->second) files_.erase(here);
  }
}

}  // namespace mdn

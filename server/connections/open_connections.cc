#include "server/connections/open_connections.h"

#include <fcntl.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <optional>

#include "server/connections/file_descriptor.h"

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

/// Resets the connection and drops what has come on it, which shutdown would leave to be read.
void Disconnect(int descriptor) {
  sockaddr nowhere{};
  nowhere.sa_family = AF_UNSPEC;
  if (connect(descriptor, &nowhere, sizeof(nowhere)) != 0) shutdown(descriptor, SHUT_RDWR);
}

int64_t BytesReceivedOn(int descriptor) {
  tcp_info information{};
  socklen_t size = sizeof(information);
  if (getsockopt(descriptor, IPPROTO_TCP, TCP_INFO, &information, &size) != 0) return 0;
  return static_cast<int64_t>(information.tcpi_bytes_received);
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

bool OpenConnections::Abort(const PeerAddress& peer) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const int64_t before = aborted_;
  for (const auto& [descriptor, file] : files_) {
    if (!(PeerOf(descriptor) == peer)) continue;
    // One of our own: that one may stand for another connection at any time.
    const FileDescriptor own(fcntl(descriptor, F_DUPFD_CLOEXEC, 0));
    if (Socket(own.number()) != file) continue;
    Disconnect(own.number());
    ++aborted_;
  }
  return aborted_ > before;
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

int64_t OpenConnections::aborted() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return aborted_;
}

std::vector<std::pair<PeerAddress, int64_t>> OpenConnections::BytesReceived() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  std::vector<std::pair<PeerAddress, int64_t>> received;
  for (const auto& [descriptor, file] : files_) {
    std::optional<PeerAddress> peer = PeerOf(descriptor);
    if (peer.has_value()) received.emplace_back(*std::move(peer), BytesReceivedOn(descriptor));
  }
  return received;
}

void OpenConnections::ForgetEndedLocked() const {
  for (auto file = files_.begin(); file != files_.end();) {
    const auto here = file++;
    if (Socket(here->first) != here->second) files_.erase(here);
  }
}

}  // namespace mdn

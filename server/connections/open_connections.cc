#include "server/connections/open_connections.h"

#include <fcntl.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>

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

std::optional<int64_t> BytesReceivedOn(int descriptor) {
  tcp_info information{};
  socklen_t size = sizeof(information);
  if (getsockopt(descriptor, IPPROTO_TCP, TCP_INFO, &information, &size) != 0) return std::nullopt;
  return static_cast<int64_t>(information.tcpi_bytes_received);
}

}  // namespace

bool OpenConnections::Admit(int descriptor, Time now) {
  const std::lock_guard<std::mutex> lock(mutex_);
  // The one that had this descriptor is over.
  connections_.erase(descriptor);
  const auto is_full = [this] { return connections_.size() >= static_cast<size_t>(limit_); };
  if (is_full() && now - last_look_ >= kBetweenLooks) {
    last_look_ = now;
    ForgetEndedLocked();
  }
  if (is_full()) {
    ++refused_;
    return false;
  }
  connections_.emplace(descriptor, Connection{++admitted_, Socket(descriptor), EndsOf(descriptor)});
  return true;
}

void OpenConnections::CountRefused() {
  const std::lock_guard<std::mutex> lock(mutex_);
  ++refused_;
}

bool OpenConnections::Abort(int64_t connection) {
  const std::lock_guard<std::mutex> lock(mutex_);
  for (const auto& [descriptor, known] : connections_) {
    if (known.number != connection) continue;
    // One of our own: that one may stand for another connection at any time.
    const FileDescriptor own(fcntl(descriptor, F_DUPFD_CLOEXEC, 0));
    if (Socket(own.number()) != known.socket) return false;
    Disconnect(own.number());
    ++aborted_;
    return true;
  }
  return false;
}

int64_t OpenConnections::open() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  ForgetEndedLocked();
  return static_cast<int64_t>(connections_.size());
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

std::vector<BytesReceived> OpenConnections::CountBytes() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  std::vector<BytesReceived> received;
  received.reserve(connections_.size());
  for (const auto& [descriptor, connection] : connections_) {
    if (!connection.ends.has_value()) continue;
    const std::optional<int64_t> count = BytesReceivedOn(descriptor);
    if (count.has_value()) received.push_back({connection.number, *connection.ends, *count});
  }
  return received;
}

void OpenConnections::ForgetEndedLocked() const {
  for (auto connection = connections_.begin(); connection != connections_.end();) {
    const auto here = connection++;
    if (Socket(here->first) != here->second.socket) connections_.erase(here);
  }
}

}  // namespace mdn

#include "server/connections/acceptor.h"

#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"

namespace mdn {
namespace {

/// Before another listener has its turn.
constexpr int kMaxAcceptedInTurn = 64;
constexpr int kPauseAfterFailureMs = 50;
constexpr std::chrono::seconds kBetweenWarnings(10);

FileDescriptor NewSpare() { return FileDescriptor(eventfd(0, EFD_CLOEXEC)); }

int Accept(const ListeningSocket& socket) {
  return accept4(socket.descriptor(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
}

bool IsShortage(int error) {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

}  // namespace

Acceptor::Acceptor(std::vector<Listener> listeners, OpenConnections& connections)
    : listeners_(std::move(listeners)),
      connections_(connections),
      spare_(NewSpare()),
      end_(eventfd(0, EFD_CLOEXEC)) {
  if (!end_.has_value()) std::abort();  // As where there is no memory.
  thread_ = std::thread([this] { Run(); });
}

Acceptor::~Acceptor() {
  eventfd_write(end_.number(), 1);
  thread_.join();
}

void Acceptor::Run() {
  std::vector<pollfd> waits;
  for (const Listener& listener : listeners_) {
    waits.push_back({listener.socket.descriptor(), POLLIN, 0});
  }
  waits.push_back({end_.number(), POLLIN, 0});
  while (waits.back().revents == 0) {
    poll(waits.data(), waits.size(), -1);
    for (size_t i = 0; i < listeners_.size(); ++i) {
      if (waits[i].revents == 0) continue;
      for (int count = 0; count < kMaxAcceptedInTurn && AcceptOne(listeners_[i]); ++count) {
      }
    }
  }
}

/// False where there is none that can be accepted now.
bool Acceptor::AcceptOne(const Listener& listener) {
  FileDescriptor connection(Accept(listener.socket));
  if (!connection.has_value()) {
    const int error = errno;
    return IsShortage(error) ? RefuseOne(listener, error) : Recover(error);
  }
  if (connections_.Admit(connection.number(), std::chrono::steady_clock::now())) {
    listener.take(connection.Release());
  } else {
    Warn(absl::StrCat(connections_.limit(),
                      " are open, the most by max_connections and the limit of open files"));
  }
  return true;
}

bool Acceptor::RefuseOne(const Listener& listener, int shortage) {
  spare_.Close();
  FileDescriptor connection(Accept(listener.socket));
  const int error = errno;
  const bool refused = connection.has_value();
  connection.Close();
  spare_ = NewSpare();
  if (!refused) return Recover(error);
  connections_.CountRefused();
  Warn(std::strerror(shortage));
  return true;
}

/// Whether another connection may be accepted after an error.
bool Acceptor::Recover(int error) {
  if (error == ECONNABORTED || error == EINTR) return true;
  if (error == EAGAIN) return false;
  Warn(std::strerror(error));
  pollfd end{end_.number(), POLLIN, 0};
  poll(&end, 1, kPauseAfterFailureMs);
  return false;
}

void Acceptor::Warn(absl::string_view why) {
  const Time now = std::chrono::steady_clock::now();
  if (now < next_warning_) return;
  next_warning_ = now + kBetweenWarnings;
  spdlog::warn("connections are refused, {} so far: {}", connections_.refused(), std::string(why));
}

}  // namespace mdn

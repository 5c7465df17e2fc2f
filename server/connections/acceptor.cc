#include "server/connections/acceptor.h"

#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <cerrno>
#include <chrono>
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
      end_(eventfd(0, EFD_CLOEXEC)),
      thread_([this] { Run(); }) {}

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
    if (IsShortage(errno)) return RefuseOne(listener, errno);
    return errno == ECONNABORTED || errno == EINTR;
  }
  const Time now = std::chrono::steady_clock::now();
  if (connections_.Admit(connection.number(), now)) {
    listener.take(connection.Release());
  } else {
    Warn(now, absl::StrCat(connections_.limit(), " are open, the most that are taken"));
  }
  return true;
}

bool Acceptor::RefuseOne(const Listener& listener, int shortage) {
  const Time now = std::chrono::steady_clock::now();
  Warn(now, std::strerror(shortage));
  spare_.Close();
  FileDescriptor connection(Accept(listener.socket));
  const int error = errno;
  const bool refused = connection.has_value();
  connection.Close();
  spare_ = NewSpare();
  if (refused) {
    connections_.CountRefused();
  } else if (error != EAGAIN) {  // Another thread was quicker, or memory is short.
    pollfd end{end_.number(), POLLIN, 0};
    poll(&end, 1, kPauseAfterFailureMs);
  }
  return refused;
}

void Acceptor::Warn(Time now, absl::string_view why) {
  if (now < next_warning_) return;
  next_warning_ = now + kBetweenWarnings;
  spdlog::warn("connections are refused, {} so far: {}", connections_.refused(), std::string(why));
}

}  // namespace mdn

#include "server/end_signals.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <utility>

namespace mdn {
namespace {

int handler_pipe = -1;

void Forward(int signal) {
  const int error = errno;
  const auto byte = static_cast<unsigned char>(signal);
  // A full pipe holds more signals than anyone waits for.
  [[maybe_unused]] const ssize_t written = write(handler_pipe, &byte, 1);
  errno = error;
}

}  // namespace

EndSignals::EndSignals() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) std::abort();
  arrivals_ = ends[0];
  handler_pipe = ends[1];
  fcntl(handler_pipe, F_SETFL, O_NONBLOCK);
  struct sigaction action = {};
  action.sa_handler = Forward;
  action.sa_flags = SA_RESTART;
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGHUP, &action, nullptr);
  std::thread([this] { Take(); }).detach();
}

void EndSignals::Defer() {
  const std::lock_guard<std::mutex> lock(mutex_);
  deferred_ = true;
}

void EndSignals::OnHangUp(std::function<void()> action) {
  const std::lock_guard<std::mutex> lock(mutex_);
  hang_up_ = std::move(action);
}

int EndSignals::Await() {
  std::unique_lock<std::mutex> lock(mutex_);
  changed_.wait(lock, [this] { return received_ != 0; });
  return received_;
}

void EndSignals::Take() {
  while (true) {
    unsigned char signal = 0;
    if (read(arrivals_, &signal, 1) != 1) continue;
    const std::lock_guard<std::mutex> lock(mutex_);
    if (signal == SIGHUP) {
      if (hang_up_) hang_up_();
      continue;
    }
    if (!deferred_ || received_ != 0) _exit(128 + signal);
    received_ = signal;
    changed_.notify_all();
  }
}

}  // namespace mdn

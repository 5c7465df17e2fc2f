#include "server/signals.h"

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

void Catch(int signal) {
  struct sigaction action = {};
  action.sa_handler = Forward;
  action.sa_flags = SA_RESTART;
  sigaction(signal, &action, nullptr);
}

}  // namespace

Signals::Signals() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) std::abort();
  arrivals_ = ends[0];
  handler_pipe = ends[1];
  fcntl(handler_pipe, F_SETFL, O_NONBLOCK);
  Catch(SIGTERM);
  Catch(SIGINT);
  signal(SIGPIPE, SIG_IGN);  // Who reads the log no more must not end the server.
  std::thread([this] { Hear(); }).detach();
}

void Signals::React(int signal, std::function<void()> reaction) {
  {
    const std::lock_guard<std::mutex> reacting(reacting_);
    const std::lock_guard<std::mutex> lock(mutex_);
    reactions_[signal] = std::move(reaction);
  }
  Catch(signal);
}

void Signals::Defer() {
  const std::lock_guard<std::mutex> lock(mutex_);
  deferred_ = true;
}

int Signals::Await() {
  std::unique_lock<std::mutex> lock(mutex_);
  changed_.wait(lock, [this] { return received_ != 0; });
  return received_;
}

void Signals::Hear() {
  while (true) {
    unsigned char signal = 0;
    if (read(arrivals_, &signal, 1) != 1) continue;
    const std::lock_guard<std::mutex> reacting(reacting_);
    std::function<void()> reaction;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (const auto found = reactions_.find(signal); found != reactions_.end()) {
        reaction = found->second;
      }
    }
    if (reaction != nullptr) {
      reaction();
    } else {
      End(signal);
    }
  }
}

void Signals::End(int signal) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!deferred_ || received_ != 0) _exit(128 + signal);
  received_ = signal;
  changed_.notify_all();
}

}  // namespace mdn

#include "server/end_signals.h"

#include <unistd.h>

namespace mdn {

EndSignals::EndSignals() {
  sigemptyset(&signals_);
  sigaddset(&signals_, SIGTERM);
  sigaddset(&signals_, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
  std::thread([this] { Take(); }).detach();
}

void EndSignals::Defer() {
  const std::lock_guard<std::mutex> lock(mutex_);
  deferred_ = true;
}

int EndSignals::Await() {
  std::unique_lock<std::mutex> lock(mutex_);
  changed_.wait(lock, [this] { return received_ != 0; });
  return received_;
}

void EndSignals::Take() {
  while (true) {
    int signal = 0;
    sigwait(&signals_, &signal);
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!deferred_ || received_ != 0) _exit(128 + signal);
    received_ = signal;
    changed_.notify_all();
  }
}

}  // namespace mdn

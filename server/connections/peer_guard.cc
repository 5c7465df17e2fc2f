#include "server/connections/peer_guard.h"

#include <spdlog/spdlog.h>
#include <time.h>

#include <algorithm>

namespace mdn {
namespace {

using std::chrono::nanoseconds;

constexpr int kShare = 400;
constexpr std::chrono::milliseconds kShortestPause(100);
constexpr std::chrono::seconds kLongestPause(2);

/// What this thread has had of processors.
nanoseconds ProcessorTime() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::chrono::seconds(time.tv_sec) + nanoseconds(time.tv_nsec);
}

}  // namespace

PeerGuard::PeerGuard(OpenConnections& connections, int64_t most_bytes)
    : connections_(connections), watch_(counter_, most_bytes), thread_([this] { Run(); }) {}

PeerGuard::~PeerGuard() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    ends_ = true;
  }
  ending_.notify_one();
  thread_.join();
}

nanoseconds PeerGuard::PauseAfter(nanoseconds processor_time) {
  return std::clamp<nanoseconds>((kShare - 1) * processor_time, kShortestPause, kLongestPause);
}

void PeerGuard::Run() {
  std::unique_lock<std::mutex> lock(mutex_);
  nanoseconds pause = kShortestPause;
  while (!ending_.wait_for(lock, pause, [this] { return ends_; })) {
    lock.unlock();
    const nanoseconds begin = ProcessorTime();
    Look();
    pause = PauseAfter(ProcessorTime() - begin);
    lock.lock();
  }
}

void PeerGuard::Look() {
  const auto offenders = watch_.Look(connections_.CountBytes(), std::chrono::steady_clock::now());
  for (const PeerWatch::Offender& offender : offenders) {
    if (!connections_.Abort(offender.connection)) continue;
    spdlog::warn("a connection was ended whose peer {}", offender.offence);
  }
}

}  // namespace mdn

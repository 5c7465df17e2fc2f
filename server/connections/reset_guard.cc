#include "server/connections/reset_guard.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace mdn {
namespace {

constexpr std::chrono::milliseconds kBetweenLooks(100);
constexpr std::chrono::milliseconds kBetweenCloseLooks(10);
/// Of calls between two looks that are no reason to look closer.
constexpr int64_t kUnsuspicious = 256;

}  // namespace

ResetGuard::ResetGuard(OpenConnections& connections)
    : connections_(connections), unanswered_(CountUnansweredCalls()), thread_([this] { Run(); }) {}

ResetGuard::~ResetGuard() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    ends_ = true;
  }
  ending_.notify_one();
  thread_.join();
}

void ResetGuard::Run() {
  std::unique_lock<std::mutex> lock(mutex_);
  Clock::duration pause = kBetweenLooks;
  while (!ending_.wait_for(lock, pause, [this] { return ends_; })) {
    lock.unlock();
    pause = Look();
    lock.lock();
  }
}

ResetGuard::Clock::duration ResetGuard::Look() {
  const int64_t unanswered = CountUnansweredCalls();
  if (unanswered - std::exchange(unanswered_, unanswered) <= kUnsuspicious) return kBetweenLooks;
  const Clock::time_point begin = Clock::now();
  LookAtConnections(begin);
  return std::max<Clock::duration>(kBetweenCloseLooks, 9 * (Clock::now() - begin));
}

void ResetGuard::LookAtConnections(Clock::time_point now) {
  absl::flat_hash_map<int64_t, ResetBudget> budgets;  // Of those that are still there.
  for (const StreamCounts& counts : CountStreams()) {
    const auto known = budgets_.find(counts.connection);
    ResetBudget budget = known != budgets_.end()
                             ? known->second
                             : ResetBudget(counts.answered, counts.unanswered, now);
    if (!budget.Bears(counts.answered, counts.unanswered, now)) End(counts);
    budgets.emplace(counts.connection, budget);
  }
  budgets_ = std::move(budgets);
}

void ResetGuard::End(const StreamCounts& connection) {
  if (!connection.peer.has_value() || !connections_.Abort(*connection.peer)) return;
  spdlog::warn(
      "a connection was ended whose peer reset calls at a hostile rate: {} of its {} calls were "
      "not answered",
      connection.unanswered, connection.unanswered + connection.answered);
}

}  // namespace mdn

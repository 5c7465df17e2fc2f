#include "server/connections/peer_guard.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

namespace mdn {
namespace {

constexpr std::chrono::milliseconds kBetweenLooks(100);
/// Calls between two looks that are no reason to look closer.
constexpr int64_t kUnsuspicious = 256;

}  // namespace

PeerGuard::PeerGuard(OpenConnections& connections, int64_t most_bytes)
    : connections_(connections),
      most_bytes_(most_bytes),
      calls_(CountCalls()),
      thread_([this] { Run(); }) {}

PeerGuard::~PeerGuard() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    ends_ = true;
  }
  ending_.notify_one();
  thread_.join();
}

void PeerGuard::Run() {
  std::unique_lock<std::mutex> lock(mutex_);
  Clock::duration pause = kBetweenLooks;
  while (!ending_.wait_for(lock, pause, [this] { return ends_; })) {
    lock.unlock();
    const Clock::time_point begin = Clock::now();
    Look();
    pause = std::max<Clock::duration>(kBetweenLooks, 49 * (Clock::now() - begin));
    lock.lock();
  }
}

void PeerGuard::Look() {
  const int64_t calls = CountCalls();
  if (calls - std::exchange(calls_, calls) > kUnsuspicious) LookAtResets();
  LookAtBytes();
}

void PeerGuard::LookAtResets() {
  const Clock::time_point now = Clock::now();
  absl::flat_hash_map<int64_t, ResetBudget> budgets;  // Of those that are still there.
  for (const StreamCounts& counts : CountStreams()) {
    const auto known = budgets_.find(counts.connection);
    ResetBudget budget = known != budgets_.end()
                             ? known->second
                             : ResetBudget(counts.answered, counts.unanswered, now);
    if (!budget.Bears(counts.answered, counts.unanswered, now)) EndResetting(counts);
    budgets.emplace(counts.connection, budget);
  }
  budgets_ = std::move(budgets);
}

void PeerGuard::EndResetting(const StreamCounts& connection) {
  if (!connection.peer.has_value() || !connections_.Abort(*connection.peer)) return;
  spdlog::warn(
      "a connection was ended whose peer reset calls at a hostile rate: {} of its {} calls were "
      "not answered",
      connection.unanswered, connection.unanswered + connection.answered);
}

void PeerGuard::LookAtBytes() {
  absl::flat_hash_map<PeerAddress, Mark> marks;  // Of those that are still there.
  absl::flat_hash_map<PeerAddress, int64_t> spent;
  for (const auto& [peer, bytes] : connections_.BytesReceived()) {
    const auto known = marks_.find(peer);
    Mark mark = known == marks_.end() ? Mark() : known->second;
    if (bytes < mark.bytes) mark = Mark();  // Another connection from the same port.
    if (bytes - mark.bytes > most_bytes_) spent.emplace(peer, bytes);
    marks.emplace(peer, mark);
  }
  marks_ = std::move(marks);
  if (!spent.empty()) LookAtProgress(spent);
}

void PeerGuard::LookAtProgress(const absl::flat_hash_map<PeerAddress, int64_t>& spent) {
  for (const StreamCounts& counts : CountStreams()) {
    const auto peer = counts.peer.has_value() ? spent.find(*counts.peer) : spent.end();
    if (peer == spent.end()) continue;
    Mark& mark = marks_[peer->first];
    if (counts.finished > mark.finished) {
      mark = {peer->second, counts.finished};
    } else if (connections_.Abort(peer->first)) {
      spdlog::warn("a connection was ended whose peer sent {} bytes without a whole message",
                   peer->second - mark.bytes);
    }
  }
}

}  // namespace mdn

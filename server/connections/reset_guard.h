#ifndef MDN_SERVER_CONNECTIONS_RESET_GUARD_H_
#define MDN_SERVER_CONNECTIONS_RESET_GUARD_H_

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>

#include "absl/container/flat_hash_map.h"
#include "server/connections/open_connections.h"
#include "server/connections/reset_budget.h"
#include "server/connections/stream_counts.h"

namespace mdn {

/// Ends the connections whose peers open calls and reset them faster than a ResetBudget bears:
/// each costs the server more than the peer, and gRPC 1.51 has no bound on them. Looks ten times a
/// second whether calls go unanswered at all; at every connection only then, and for no more than a
/// tenth of the time. On a thread of its own.
class ResetGuard {
 public:
  /// `connections` outlives the guard.
  explicit ResetGuard(OpenConnections& connections);
  ~ResetGuard();

 private:
  using Clock = std::chrono::steady_clock;

  void Run();
  /// Returns how long not to look again.
  Clock::duration Look();
  void LookAtConnections(Clock::time_point now);
  void End(const StreamCounts& connection);

  OpenConnections& connections_;
  int64_t unanswered_ = 0;
  absl::flat_hash_map<int64_t, ResetBudget> budgets_;
  std::mutex mutex_;
  std::condition_variable ending_;
  bool ends_ = false;  // Guarded by mutex_.
  std::thread thread_;
};

}  // namespace mdn

#endif  // MDN_SERVER_CONNECTIONS_RESET_GUARD_H_

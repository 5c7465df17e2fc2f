#ifndef MDN_SERVER_CONNECTIONS_PEER_GUARD_H_
#define MDN_SERVER_CONNECTIONS_PEER_GUARD_H_

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>

#include "absl/container/flat_hash_map.h"
#include "server/connections/open_connections.h"
#include "server/connections/peer_address.h"
#include "server/connections/reset_budget.h"
#include "server/connections/stream_counts.h"

namespace mdn {

/// Ends the connections of peers that no ordinary client is like, on a thread of its own. gRPC 1.51
/// has no bound on either:
///
/// - Those that open calls and reset them, each of which costs the server more than the peer,
/// faster
///   than a ResetBudget bears.
/// - Those that send more bytes without a whole message among them, or an answer to them, than the
///   memory quota of all peers holds: headers that never end, or frames that mean nothing.
///
/// Looks ten times a second, or as often as a fiftieth of a processor allows.
class PeerGuard {
 public:
  /// `connections` outlives the guard. `most_bytes`: that memory quota.
  PeerGuard(OpenConnections& connections, int64_t most_bytes);
  ~PeerGuard();

 private:
  using Clock = std::chrono::steady_clock;

  /// How far a peer had come at some time.
  struct Mark {
    int64_t bytes = 0;
    int64_t finished = 0;
  };

  void Run();
  void Look();
  void LookAtResets();
  void LookAtBytes();
  void LookAtProgress(const absl::flat_hash_map<PeerAddress, int64_t>& spent);
  void EndResetting(const StreamCounts& connection);

  OpenConnections& connections_;
  const int64_t most_bytes_;
  int64_t calls_ = 0;
  absl::flat_hash_map<int64_t, ResetBudget> budgets_;
  absl::flat_hash_map<PeerAddress, Mark> marks_;
  std::mutex mutex_;
  std::condition_variable ending_;
  bool ends_ = false;  // Guarded by mutex_.
  std::thread thread_;
};

}  // namespace mdn

#endif  // MDN_SERVER_CONNECTIONS_PEER_GUARD_H_

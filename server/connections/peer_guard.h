#ifndef MDN_SERVER_CONNECTIONS_PEER_GUARD_H_
#define MDN_SERVER_CONNECTIONS_PEER_GUARD_H_

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>

#include "server/connections/open_connections.h"
#include "server/connections/peer_watch.h"
#include "server/connections/stream_counts.h"

namespace mdn {

/// Ends the connections whose peers a PeerWatch finds, on a thread of its own. gRPC 1.51 has no
/// bound on what they do.
class PeerGuard {
 public:
  /// `connections` outlives the guard. `most_bytes`: the memory quota of all peers, more than which
  /// none may send without a whole message.
  PeerGuard(OpenConnections& connections, int64_t most_bytes);
  ~PeerGuard();

  /// Between two looks, of which the first took `processor_time`. Ten looks a second, or as often
  /// as a four-hundredth of a processor allows, one in two seconds at least.
  static std::chrono::nanoseconds PauseAfter(std::chrono::nanoseconds processor_time);

 private:
  void Run();
  void Look();

  OpenConnections& connections_;
  ChannelzCounter counter_;
  PeerWatch watch_;  // Of the thread.
  std::mutex mutex_;
  std::condition_variable ending_;
  bool ends_ = false;  // Guarded by mutex_.
  std::thread thread_;
};

}  // namespace mdn

#endif  // MDN_SERVER_CONNECTIONS_PEER_GUARD_H_

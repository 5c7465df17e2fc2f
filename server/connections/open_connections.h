#ifndef MDN_SERVER_CONNECTIONS_OPEN_CONNECTIONS_H_
#define MDN_SERVER_CONNECTIONS_OPEN_CONNECTIONS_H_

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <mutex>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "server/connections/peer_address.h"

namespace mdn {

/// The connections that are open, up to a bound. Whoever serves them has their descriptors and
/// closes them unannounced: so one is over when its descriptor no longer stands for the file that
/// it stood for, which is looked at when it matters. That costs a connection nothing while it is
/// open, neither another descriptor nor an event. Thread-safe.
class OpenConnections {
 public:
  using Time = std::chrono::steady_clock::time_point;

  explicit OpenConnections(int limit) : limit_(limit) {}

  /// Whether one more connection may be open, whose descriptor is the caller's; then it counts, or
  /// else as refused. Room that came to be less than 100 ms before `now` may be overlooked.
  bool Admit(int descriptor, Time now);
  /// Counts one that could not be had at all.
  void CountRefused();
  /// Ends what is open of the peer at once, whatever it has sent that was not read. False: nothing.
  bool Abort(const PeerAddress& peer);

  int limit() const { return limit_; }
  /// As they are now.
  int64_t open() const;
  /// Since the beginning.
  int64_t admitted() const;
  int64_t refused() const;
  int64_t aborted() const;
  /// What has come so far from each peer over TCP.
  std::vector<std::pair<PeerAddress, int64_t>> BytesReceived() const;

 private:
  void ForgetEndedLocked() const;

  const int limit_;
  mutable std::mutex mutex_;
  // Guarded by mutex_.
  mutable absl::flat_hash_map<int, ino_t> files_;
  int64_t admitted_ = 0;
  int64_t refused_ = 0;
  int64_t aborted_ = 0;
  Time last_look_;
};

}  // namespace mdn

#endif  // MDN_SERVER_CONNECTIONS_OPEN_CONNECTIONS_H_

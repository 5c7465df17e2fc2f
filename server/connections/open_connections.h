#ifndef MDN_SERVER_CONNECTIONS_OPEN_CONNECTIONS_H_
#define MDN_SERVER_CONNECTIONS_OPEN_CONNECTIONS_H_

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "server/connections/tcp_ends.h"

namespace mdn {

/// What has come so far on a connection over TCP.
struct BytesReceived {
  /// By how many had been admitted with it; from 1 on.
  int64_t connection = 0;
  TcpEnds ends;
  int64_t count = 0;
};

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
  /// Ends the connection of that number at once, whatever its peer has sent that was not read.
  /// False: it is over.
  bool Abort(int64_t connection);

  int limit() const { return limit_; }
  /// As they are now.
  int64_t open() const;
  /// Since the beginning.
  int64_t admitted() const;
  int64_t refused() const;
  int64_t aborted() const;
  /// Of each connection over TCP; 0.3 us each.
  std::vector<BytesReceived> CountBytes() const;

 private:
  struct Connection {
    int64_t number = 0;
    ino_t socket = 0;
    /// Nothing for a Unix socket.
    std::optional<TcpEnds> ends;
  };

  void ForgetEndedLocked() const;

  const int limit_;
  mutable std::mutex mutex_;
  // Guarded by mutex_.
  /// By their descriptors.
  mutable absl::flat_hash_map<int, Connection> connections_;
  int64_t admitted_ = 0;
  int64_t refused_ = 0;
  int64_t aborted_ = 0;
  Time last_look_;
};

}  // namespace mdn

#endif  // MDN_SERVER_CONNECTIONS_OPEN_CONNECTIONS_H_

#ifndef MDN_SERVER_CONNECTIONS_PEER_WATCH_H_
#define MDN_SERVER_CONNECTIONS_PEER_WATCH_H_

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "server/connections/open_connections.h"
#include "server/connections/reset_budget.h"
#include "server/connections/stream_counts.h"

namespace mdn {

/// Finds the peers that no ordinary client is like:
///
/// - Those that open calls and reset them, faster than a ResetBudget bears.
/// - Those that send more than some bytes without a whole message among them, or an answer to them.
///
/// Either takes bytes. So the bytes of all are looked at, which is cheap, and the streams only of
/// those whose bytes since their streams were counted could be more of these than are borne.
/// Confined to one thread.
class PeerWatch {
 public:
  using Time = std::chrono::steady_clock::time_point;

  /// A stream begins with a frame of HEADERS, which has as many where it is empty (RFC 9113, 4.1).
  static constexpr int64_t kLeastBytesPerStream = 9;
  /// Those whose streams are counted in one look. Others, which have sent less, wait their turn.
  static constexpr size_t kMostCounted = 16;

  struct Offender {
    int64_t connection = 0;
    /// What its peer did.
    std::string offence;
  };

  /// `counter` outlives the watch. `most_bytes`: without a whole message.
  PeerWatch(StreamCounter& counter, int64_t most_bytes)
      : counter_(counter), most_bytes_(most_bytes) {}

  /// `received`: of all connections that are open at `now`. Others are forgotten.
  std::vector<Offender> Look(const std::vector<BytesReceived>& received, Time now);

  /// Connections that it remembers.
  size_t size() const { return peers_.size(); }

 private:
  struct Peer {
    explicit Peer(Time now) : budget(now) {}

    /// The last look in which the connection was open.
    int64_t look = 0;
    /// The counter's; 0: not known.
    int64_t number = 0;
    ResetBudget budget;
    /// When they were last counted, and the bytes until then.
    StreamCounts streams;
    int64_t counted_bytes = 0;
    /// Until a message or an answer was last seen to be new.
    int64_t finished_bytes = 0;
    /// None of the streams was new. Perhaps they are of a connection with the same ends that is
    /// over, though gRPC has not done with it.
    bool stood_still = false;
  };

  std::vector<BytesReceived> Suspects(const std::vector<BytesReceived>& received, Time now);
  /// Since its streams were counted.
  int64_t UncountedBytes(const BytesReceived& bytes) const;
  void LearnNumbers(const std::vector<BytesReceived>& suspects,
                    const std::vector<BytesReceived>& received, Time now);
  void LearnNumbersFrom(int64_t first, const std::vector<BytesReceived>& received, Time now);
  std::optional<StreamCounts> CountStreams(Peer& peer, int64_t bytes);
  std::optional<std::string> Judge(Peer& peer, const StreamCounts& streams, int64_t bytes,
                                   Time now);

  StreamCounter& counter_;
  const int64_t most_bytes_;
  absl::flat_hash_map<int64_t, Peer> peers_;
  int64_t looks_ = 0;
  /// Greater than all numbers seen so far.
  int64_t next_number_ = 0;
};

}  // namespace mdn

#endif  // MDN_SERVER_CONNECTIONS_PEER_WATCH_H_

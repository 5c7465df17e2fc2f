#ifndef MDN_SERVER_CONNECTIONS_STREAM_COUNTS_H_
#define MDN_SERVER_CONNECTIONS_STREAM_COUNTS_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "server/connections/tcp_ends.h"

namespace mdn {

/// The streams that a connection's peer has opened. Those too that end before gRPC has made a call
/// of them, of which a service hears nothing.
struct StreamCounts {
  int64_t answered = 0;
  /// Under way, or over without an answer.
  int64_t unanswered = 0;
  /// Whole messages that came, and streams that were answered.
  int64_t finished = 0;

  friend bool operator==(const StreamCounts& a, const StreamCounts& b) {
    return a.answered == b.answered && a.unanswered == b.unanswered && a.finished == b.finished;
  }
};

struct CountedConnection {
  /// Nothing for a Unix socket, whose peers cannot be told apart.
  std::optional<TcpEnds> ends;
  StreamCounts streams;
};

/// Of the connections to gRPC servers in this process. Each has a number, greater than those of
/// connections that began before, which is not given again.
class StreamCounter {
 public:
  virtual ~StreamCounter() = default;
  /// Those whose numbers are at least `first`, in their order.
  virtual std::vector<int64_t> Connections(int64_t first) = 0;
  /// Nothing where the connection is over.
  virtual std::optional<CountedConnection> Count(int64_t connection) = 0;
};

/// What gRPC itself counts, by its channelz; about 20 us a connection. Thread-safe.
class ChannelzCounter final : public StreamCounter {
 public:
  std::vector<int64_t> Connections(int64_t first) override;
  std::optional<CountedConnection> Count(int64_t connection) override;
};

}  // namespace mdn

#endif  // MDN_SERVER_CONNECTIONS_STREAM_COUNTS_H_

#ifndef MDN_SERVER_CONNECTIONS_STREAM_COUNTS_H_
#define MDN_SERVER_CONNECTIONS_STREAM_COUNTS_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "server/connections/peer_address.h"

namespace mdn {

/// The streams that a connection's peer has opened, by gRPC's own count. It counts those too that
/// end before gRPC has made a call of them, of which a service hears nothing.
struct StreamCounts {
  /// gRPC's number of the connection, which is not given again.
  int64_t connection = 0;
  /// Nothing for a Unix socket, whose peers cannot be told apart.
  std::optional<PeerAddress> peer;
  int64_t answered = 0;
  /// Under way, or over without an answer.
  int64_t unanswered = 0;
  /// Whole messages that came, and streams that were answered.
  int64_t finished = 0;
};

/// Of all connections to gRPC servers in this process; about 20 us each.
std::vector<StreamCounts> CountStreams();

/// Calls that were begun so far of the gRPC servers that there are in this process.
int64_t CountCalls();

}  // namespace mdn

#endif  // MDN_SERVER_CONNECTIONS_STREAM_COUNTS_H_

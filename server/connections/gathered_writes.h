#ifndef MDN_SERVER_CONNECTIONS_GATHERED_WRITES_H_
#define MDN_SERVER_CONNECTIONS_GATHERED_WRITES_H_

namespace mdn {

/// While one lives, what its thread sends to one peer, message after message, leaves together if it
/// was announced: with the last one, and at the latest after kMostGathered messages, when the
/// thread turns to another peer, or at the end. Until then the first ones wait for those that
/// follow.
///
/// gRPC 1.51 calls sendmsg for each answer, and TCP without delays (TCP_NODELAY) does the work of a
/// segment for each, up to waking the peer. Here the linker gives gRPC's calls to this class (see
/// CMakeLists.txt), which tells TCP that more follows. Order and content stay. Unix sockets take no
/// notice; only gRPC may send meanwhile. At most one at a time in a thread, and confined to it.
class GatheredWrites {
 public:
  static constexpr int kMostGathered = 16;

  GatheredWrites();
  ~GatheredWrites();
  /// Before a message that this thread sends: whether another one to the same peer follows at once.
  /// No effect while nothing is gathered.
  static void Announce(bool more_follows);

  GatheredWrites(const GatheredWrites&) = delete;
  GatheredWrites& operator=(const GatheredWrites&) = delete;
};

}  // namespace mdn

#endif  // MDN_SERVER_CONNECTIONS_GATHERED_WRITES_H_

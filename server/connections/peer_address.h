#ifndef MDN_SERVER_CONNECTIONS_PEER_ADDRESS_H_
#define MDN_SERVER_CONNECTIONS_PEER_ADDRESS_H_

#include <optional>
#include <string>
#include <utility>

namespace mdn {

/// The other end of a TCP connection.
struct PeerAddress {
  /// The 4 or 16 bytes of an address of IP; an IPv4 address always has 4.
  std::string host;
  int port = 0;

  friend bool operator==(const PeerAddress& a, const PeerAddress& b) {
    return a.port == b.port && a.host == b.host;
  }
  template <class Hash>
  friend Hash AbslHashValue(Hash hash, const PeerAddress& peer) {
    return Hash::combine(std::move(hash), peer.host, peer.port);
  }
};

/// Nothing where the descriptor stands for no TCP connection.
std::optional<PeerAddress> PeerOf(int descriptor);

}  // namespace mdn

#endif  // MDN_SERVER_CONNECTIONS_PEER_ADDRESS_H_

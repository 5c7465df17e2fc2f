#ifndef MDN_SERVER_CONNECTIONS_TCP_ENDS_H_
#define MDN_SERVER_CONNECTIONS_TCP_ENDS_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace mdn {

struct TcpAddress {
  /// As in IPv6: an address of IPv4 is that which stands for it.
  std::array<uint8_t, 16> host{};
  int port = 0;

  friend bool operator==(const TcpAddress& a, const TcpAddress& b) {
    return a.port == b.port && a.host == b.host;
  }
  template <class Hash>
  friend Hash AbslHashValue(Hash hash, const TcpAddress& address) {
    return Hash::combine(std::move(hash), address.host, address.port);
  }
};

/// Both ends of a connection, which no other has while it is open.
struct TcpEnds {
  TcpAddress local;
  TcpAddress peer;

  friend bool operator==(const TcpEnds& a, const TcpEnds& b) {
    return a.peer == b.peer && a.local == b.local;
  }
  template <class Hash>
  friend Hash AbslHashValue(Hash hash, const TcpEnds& ends) {
    return Hash::combine(std::move(hash), ends.local, ends.peer);
  }
};

/// `host`: the bytes of an address of IPv4 or IPv6. Nothing where it is neither.
std::optional<TcpAddress> AddressOf(const std::string& host, int port);

/// Nothing where the descriptor stands for no TCP connection.
std::optional<TcpEnds> EndsOf(int descriptor);

}  // namespace mdn

#endif  // MDN_SERVER_CONNECTIONS_TCP_ENDS_H_

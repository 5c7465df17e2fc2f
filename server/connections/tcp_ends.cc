#include "server/connections/tcp_ends.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>

namespace mdn {
namespace {

constexpr size_t kV4Bytes = sizeof(in_addr);
constexpr size_t kV6Bytes = sizeof(in6_addr);

template <class Address>
std::string Bytes(const Address& address) {
  return {reinterpret_cast<const char*>(&address), sizeof(address)};
}

/// `get`: getsockname or getpeername.
template <class Get>
std::optional<TcpAddress> EndOf(int descriptor, Get get) {
  sockaddr_storage storage{};
  socklen_t size = sizeof(storage);
  if (get(descriptor, reinterpret_cast<sockaddr*>(&storage), &size) != 0) return std::nullopt;
  if (storage.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(storage);
    return AddressOf(Bytes(v4.sin_addr), ntohs(v4.sin_port));
  }
  if (storage.ss_family != AF_INET6) return std::nullopt;
  const auto& v6 = reinterpret_cast<const sockaddr_in6&>(storage);
  return AddressOf(Bytes(v6.sin6_addr), ntohs(v6.sin6_port));
}

}  // namespace

std::optional<TcpAddress> AddressOf(const std::string& host, int port) {
  if (host.size() != kV4Bytes && host.size() != kV6Bytes) return std::nullopt;
  TcpAddress address;
  address.port = port;
  if (host.size() == kV4Bytes) address.host[kV6Bytes - 6] = address.host[kV6Bytes - 5] = 0xff;
  std::copy_backward(host.begin(), host.end(), address.host.end());
  return address;
}

std::optional<TcpEnds> EndsOf(int descriptor) {
  const auto local = EndOf(descriptor, getsockname);
  const auto peer = EndOf(descriptor, getpeername);
  if (!local.has_value() || !peer.has_value()) return std::nullopt;
  return TcpEnds{*local, *peer};
}

}  // namespace mdn

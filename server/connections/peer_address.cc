#include "server/connections/peer_address.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <utility>

namespace mdn {
namespace {

constexpr size_t kV4Bytes = sizeof(in_addr);

template <class Address>
std::string Bytes(const Address& address) {
  return {reinterpret_cast<const char*>(&address), sizeof(address)};
}

}  // namespace

std::optional<PeerAddress> PeerOf(int descriptor) {
  sockaddr_storage storage{};
  socklen_t size = sizeof(storage);
  auto* const address = reinterpret_cast<sockaddr*>(&storage);
  if (getpeername(descriptor, address, &size) != 0) return std::nullopt;
  if (storage.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(storage);
    return PeerAddress{Bytes(v4.sin_addr), ntohs(v4.sin_port)};
  }
  if (storage.ss_family != AF_INET6) return std::nullopt;
  const auto& v6 = reinterpret_cast<const sockaddr_in6&>(storage);
  std::string host = Bytes(v6.sin6_addr);
  if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) host.erase(0, host.size() - kV4Bytes);
  return PeerAddress{std::move(host), ntohs(v6.sin6_port)};
}

}  // namespace mdn

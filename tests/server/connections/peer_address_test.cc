#include "server/connections/peer_address.h"

#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <array>
#include <string>

#include "server/connections/file_descriptor.h"
#include "tests/server/connections/tcp_pair.h"

namespace mdn {
namespace {

TEST(PeerAddressTest, AnIpv4PeerOfASocketForBothVersionsHasFourBytes) {
  const TcpPair pair;
  const auto peer = PeerOf(pair.server.number());
  ASSERT_TRUE(peer.has_value());
  EXPECT_EQ(peer->host, std::string("\x7f\0\0\1", 4));
  EXPECT_EQ(peer->port, pair.client_port());
}

TEST(PeerAddressTest, AnIpv4SocketsPeerIsNamedAlike) {
  const FileDescriptor listener(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(listen(listener.number(), 1), 0);
  sockaddr_in address{};
  socklen_t size = sizeof(address);
  auto* const any = reinterpret_cast<sockaddr*>(&address);
  ASSERT_EQ(getsockname(listener.number(), any, &size), 0);
  const FileDescriptor client(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(connect(client.number(), any, size), 0);
  EXPECT_EQ(PeerOf(client.number()),
            (PeerAddress{std::string("\x7f\0\0\1", 4), ntohs(address.sin_port)}));
}

TEST(PeerAddressTest, AnIpv6PeerHasSixteenBytes) {
  const TcpPair pair("::1", "::1");
  const auto peer = PeerOf(pair.server.number());
  ASSERT_TRUE(peer.has_value());
  EXPECT_EQ(peer->host, std::string(15, '\0') + '\1');
  EXPECT_EQ(peer->port, pair.client_port());
}

TEST(PeerAddressTest, WhatIsNoTcpConnectionHasNone) {
  std::array<int, 2> ends{};
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
  const FileDescriptor first(ends[0]), second(ends[1]), event(eventfd(0, EFD_CLOEXEC));
  EXPECT_EQ(PeerOf(first.number()), std::nullopt);
  EXPECT_EQ(PeerOf(event.number()), std::nullopt);
  EXPECT_EQ(PeerOf(-1), std::nullopt);
}

}  // namespace
}  // namespace mdn

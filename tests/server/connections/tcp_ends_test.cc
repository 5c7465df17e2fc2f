#include "server/connections/tcp_ends.h"

#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <array>
#include <string>

#include "server/connections/file_descriptor.h"
#include "tests/server/connections/tcp_pair.h"

namespace mdn {
namespace {

const std::string& V4Loopback() {
  static const std::string& host = *new std::string("\x7f\0\0\1", 4);
  return host;
}

TEST(TcpEndsTest, BothEndsOfAConnectionAreKnown) {
  const TcpPair pair;
  const auto server = EndsOf(pair.server.number()), client = EndsOf(pair.client.number());
  ASSERT_TRUE(server.has_value());
  ASSERT_TRUE(client.has_value());
  EXPECT_EQ(server->peer.port, pair.client_port());
  EXPECT_EQ(*server, (TcpEnds{client->peer, client->local}));
  EXPECT_FALSE(*server == *client);
}

TEST(TcpEndsTest, AnIpv4SocketsPeerIsNamedAsOneOfASocketForBothVersions) {
  const FileDescriptor listener(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(listen(listener.number(), 1), 0);
  sockaddr_in address{};
  socklen_t size = sizeof(address);
  auto* const any = reinterpret_cast<sockaddr*>(&address);
  ASSERT_EQ(getsockname(listener.number(), any, &size), 0);
  const FileDescriptor client(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(connect(client.number(), any, size), 0);
  EXPECT_EQ(EndsOf(client.number())->peer, AddressOf(V4Loopback(), ntohs(address.sin_port)));

  const TcpPair both;
  EXPECT_EQ(EndsOf(both.server.number())->peer, AddressOf(V4Loopback(), both.client_port()));
}

TEST(TcpEndsTest, AnIpv6AddressHasAllOfItsBytes) {
  if (!HasIpv6Loopback()) GTEST_SKIP() << "this machine has no [::1]";
  const TcpPair pair("::1", "::1");
  EXPECT_EQ(EndsOf(pair.server.number())->peer,
            AddressOf(std::string(15, '\0') + '\1', pair.client_port()));
}

TEST(TcpEndsTest, WhatIsNoAddressOfIpIsNone) {
  EXPECT_EQ(AddressOf("", 1), std::nullopt);
  EXPECT_EQ(AddressOf(std::string(5, 'x'), 1), std::nullopt);
  EXPECT_EQ(AddressOf(std::string(17, 'x'), 1), std::nullopt);
}

TEST(TcpEndsTest, WhatIsNoTcpConnectionHasNone) {
  std::array<int, 2> ends{};
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
  const FileDescriptor first(ends[0]), second(ends[1]), event(eventfd(0, EFD_CLOEXEC));
  EXPECT_EQ(EndsOf(first.number()), std::nullopt);
  EXPECT_EQ(EndsOf(event.number()), std::nullopt);
  EXPECT_EQ(EndsOf(-1), std::nullopt);
}

}  // namespace
}  // namespace mdn

#ifndef MDN_TESTS_SERVER_CONNECTIONS_TCP_PAIR_H_
#define MDN_TESTS_SERVER_CONNECTIONS_TCP_PAIR_H_

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "server/connections/file_descriptor.h"

namespace mdn {

/// A connection of TCP over loopback, with both of its ends.
struct TcpPair {
  /// `listen_on`, `connect_to`: addresses of IPv6, which may stand for one of IPv4.
  explicit TcpPair(const char* listen_on = "::ffff:127.0.0.1",
                   const char* connect_to = "::ffff:127.0.0.1") {
    const FileDescriptor listener(socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in6 address = Address(listen_on, 0);
    auto* const any = reinterpret_cast<sockaddr*>(&address);
    socklen_t size = sizeof(address);
    EXPECT_EQ(bind(listener.number(), any, size), 0);
    EXPECT_EQ(listen(listener.number(), 1), 0);
    EXPECT_EQ(getsockname(listener.number(), any, &size), 0);
    address = Address(connect_to, ntohs(address.sin6_port));
    client = FileDescriptor(socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(connect(client.number(), any, sizeof(address)), 0);
    server = FileDescriptor(accept(listener.number(), nullptr, nullptr));
  }

  int client_port() const {
    sockaddr_in6 address{};
    socklen_t size = sizeof(address);
    EXPECT_EQ(getsockname(client.number(), reinterpret_cast<sockaddr*>(&address), &size), 0);
    return ntohs(address.sin6_port);
  }

  FileDescriptor client, server;

 private:
  static sockaddr_in6 Address(const char* host, int port) {
    sockaddr_in6 address{};
    address.sin6_family = AF_INET6;
    address.sin6_port = htons(static_cast<uint16_t>(port));
    EXPECT_EQ(inet_pton(AF_INET6, host, &address.sin6_addr), 1);
    return address;
  }
};

}  // namespace mdn

#endif  // MDN_TESTS_SERVER_CONNECTIONS_TCP_PAIR_H_

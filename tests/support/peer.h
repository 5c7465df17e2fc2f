#ifndef MDN_TESTS_SUPPORT_PEER_H_
#define MDN_TESTS_SUPPORT_PEER_H_

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <string>

#include "server/connections/file_descriptor.h"

namespace mdn {

/// As many bytes as are asked for; fewer if none come for half a minute.
inline std::string ReceiveFrom(const FileDescriptor& socket, size_t size) {
  std::string bytes(size, '\0');
  pollfd waits{socket.number(), POLLIN, 0};
  size_t received = 0;
  while (received < size && poll(&waits, 1, 30'000) == 1) {
    const ssize_t count = recv(socket.number(), &bytes[received], size - received, 0);
    if (count <= 0) break;
    received += static_cast<size_t>(count);
  }
  bytes.resize(received);
  return bytes;
}

/// A connection of a client to a port of 127.0.0.1.
class Peer {
 public:
  /// Not connected yet.
  Peer() : socket_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {}
  explicit Peer(int port) : Peer() { Connect(port); }

  void Connect(int port) const {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons(static_cast<uint16_t>(port));
    EXPECT_EQ(connect(socket_.number(), reinterpret_cast<const sockaddr*>(&to), sizeof(to)), 0);
  }

  void Send(const std::string& bytes) const {
    EXPECT_EQ(send(socket_.number(), bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }

  std::string Receive(size_t size) const { return ReceiveFrom(socket_, size); }

  /// The other side closes within half a minute.
  bool AwaitEnd() const {
    pollfd waits{socket_.number(), POLLIN, 0};
    char bytes[4096];
    while (poll(&waits, 1, 30'000) == 1) {
      if (recv(socket_.number(), bytes, sizeof(bytes), 0) <= 0) return true;
    }
    return false;
  }

 private:
  FileDescriptor socket_;
};

}  // namespace mdn

#endif  // MDN_TESTS_SUPPORT_PEER_H_

#include "server/connections/gathered_writes.h"

#include <gtest/gtest.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "server/connections/file_descriptor.h"
#include "server/connections/listening_socket.h"
#include "tests/support/peer.h"

namespace mdn {
namespace {

/// Gathered or not: as sendmsg is called by gRPC.
void Send(const FileDescriptor& socket, std::string text) {
  iovec part{text.data(), text.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  EXPECT_EQ(sendmsg(socket.number(), &message, MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
}

/// Sent so far, those with data.
uint32_t Segments(const FileDescriptor& socket) {
  tcp_info info{};
  socklen_t size = sizeof(info);
  EXPECT_EQ(getsockopt(socket.number(), IPPROTO_TCP, TCP_INFO, &info, &size), 0);
  return info.tcpi_data_segs_out;
}

class GatheredWritesTest : public testing::Test {
 protected:
  /// The server's end of a new connection of the peer's.
  FileDescriptor Accept() const {
    pollfd waits{listener_.descriptor(), POLLIN, 0};
    EXPECT_EQ(poll(&waits, 1, 30'000), 1);
    return FileDescriptor(accept(listener_.descriptor(), nullptr, nullptr));
  }

  const std::vector<ListeningSocket> listeners_ = ListeningSocket::Open("127.0.0.1:0").value();
  const ListeningSocket& listener_ = listeners_.front();
  // Accepting sockets have TCP_NODELAY set, and their connections with them.
  const Peer peer_{listener_.port()};
  const FileDescriptor socket_ = Accept();
  const Peer other_peer_{listener_.port()};
  const FileDescriptor other_socket_ = Accept();
};

/// Each but the last with the word that another one follows.
void SendAll(const FileDescriptor& socket, const std::string& letters) {
  for (size_t i = 0; i < letters.size(); ++i) {
    GatheredWrites::Announce(i + 1 < letters.size());
    Send(socket, std::string(1, letters[i]));
  }
}

TEST_F(GatheredWritesTest, EachMessageLeavesForItself) {
  const GatheredWrites gathered;
  for (const char* text : {"a", "b", "c", "d"}) Send(socket_, text);
  EXPECT_EQ(peer_.Receive(4), "abcd");
  EXPECT_GE(Segments(socket_), 4);
}

// A thread that stands still for long has the kernel send what it holds back: fewer than all is as
// much as is certain.
TEST_F(GatheredWritesTest, MessagesToOnePeerLeaveTogether) {
  const GatheredWrites gathered;
  SendAll(socket_, "abcdefgh");
  EXPECT_EQ(peer_.Receive(8), "abcdefgh");
  EXPECT_LT(Segments(socket_), 8);
  Send(socket_, "i");
  EXPECT_EQ(peer_.Receive(1), "i");
}

TEST_F(GatheredWritesTest, NothingIsGatheredUnlessSomebodyAsksForIt) {
  SendAll(socket_, "abcd");
  EXPECT_EQ(peer_.Receive(4), "abcd");
  EXPECT_GE(Segments(socket_), 4);
}

TEST_F(GatheredWritesTest, NothingIsKeptWhereWhatWasAnnouncedDoesNotCome) {
  {
    const GatheredWrites gathered;
    GatheredWrites::Announce(true);
    Send(socket_, "a");
  }
  EXPECT_GE(Segments(socket_), 1);
  EXPECT_EQ(peer_.Receive(1), "a");
}

TEST_F(GatheredWritesTest, NothingIsKeptForAPeerWhenItIsAnothersTurn) {
  const GatheredWrites gathered;
  GatheredWrites::Announce(true);
  Send(socket_, "a");
  Send(socket_, "b");
  Send(other_socket_, "c");
  EXPECT_GE(Segments(socket_), 1);
  EXPECT_EQ(peer_.Receive(2), "ab");
}

TEST_F(GatheredWritesTest, NoMoreThanItsBoundIsKept) {
  const GatheredWrites gathered;
  GatheredWrites::Announce(true);
  const std::string text(GatheredWrites::kMostGathered, 'a');
  for (const char letter : text) Send(socket_, std::string(1, letter));
  EXPECT_GE(Segments(socket_), 1);
  EXPECT_EQ(peer_.Receive(text.size()), text);
}

TEST_F(GatheredWritesTest, OtherThreadsAreNotConcerned) {
  const GatheredWrites gathered;
  std::thread([this] { SendAll(socket_, "abc"); }).join();
  EXPECT_EQ(peer_.Receive(3), "abc");
  EXPECT_GE(Segments(socket_), 3);
}

TEST_F(GatheredWritesTest, SocketsThatAreNotTcpTakeNoNotice) {
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  const FileDescriptor left(ends[0]), right(ends[1]);
  const GatheredWrites gathered;
  GatheredWrites::Announce(true);
  Send(left, "a");
  char letter = 0;
  EXPECT_EQ(recv(right.number(), &letter, 1, MSG_DONTWAIT), 1);
  EXPECT_EQ(letter, 'a');
}

}  // namespace
}  // namespace mdn

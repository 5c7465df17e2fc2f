#include "server/connections/open_connections.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <array>
#include <chrono>
#include <optional>

#include "server/connections/file_descriptor.h"
#include "server/connections/tcp_ends.h"
#include "tests/server/connections/tcp_pair.h"

namespace mdn {
namespace {

using std::chrono::milliseconds;

class OpenConnectionsTest : public testing::Test {
 protected:
  static FileDescriptor Connection() {
    std::array<int, 2> ends{};
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
    close(ends[1]);
    return FileDescriptor(ends[0]);
  }

  OpenConnections::Time now_ = std::chrono::steady_clock::now();
};

TEST_F(OpenConnectionsTest, AdmitsAsManyAsItsLimit) {
  OpenConnections connections(2);
  const FileDescriptor first = Connection(), second = Connection(), third = Connection();
  EXPECT_TRUE(connections.Admit(first.number(), now_));
  EXPECT_TRUE(connections.Admit(second.number(), now_));
  EXPECT_FALSE(connections.Admit(third.number(), now_));
  EXPECT_EQ(connections.open(), 2);
  EXPECT_EQ(connections.admitted(), 2);
  EXPECT_EQ(connections.refused(), 1);
}

TEST_F(OpenConnectionsTest, OneThatWasClosedLeavesRoom) {
  OpenConnections connections(1);
  FileDescriptor first = Connection();
  const FileDescriptor second = Connection();
  EXPECT_TRUE(connections.Admit(first.number(), now_));
  first.Close();
  EXPECT_TRUE(connections.Admit(second.number(), now_));
  EXPECT_EQ(connections.open(), 1);
}

TEST_F(OpenConnectionsTest, WhatNowHasItsDescriptorIsNotItself) {
  OpenConnections connections(1);
  FileDescriptor connection = Connection();
  const int number = connection.number();
  EXPECT_TRUE(connections.Admit(number, now_));
  connection.Close();
  const FileDescriptor other(eventfd(0, EFD_CLOEXEC));
  ASSERT_EQ(other.number(), number);
  EXPECT_EQ(connections.open(), 0);
}

TEST_F(OpenConnectionsTest, AnotherConnectionOfTheSameDescriptorIsCountedAnew) {
  OpenConnections connections(1);
  FileDescriptor connection = Connection();
  const int number = connection.number();
  EXPECT_TRUE(connections.Admit(number, now_));
  connection.Close();
  connection = Connection();
  ASSERT_EQ(connection.number(), number);
  EXPECT_TRUE(connections.Admit(number, now_));
  EXPECT_EQ(connections.open(), 1);
  EXPECT_EQ(connections.admitted(), 2);
}

TEST_F(OpenConnectionsTest, LooksForRoomATenthOfASecondApart) {
  OpenConnections connections(1);
  FileDescriptor first = Connection();
  const FileDescriptor second = Connection();
  EXPECT_TRUE(connections.Admit(first.number(), now_));
  EXPECT_FALSE(connections.Admit(second.number(), now_));
  first.Close();
  EXPECT_FALSE(connections.Admit(second.number(), now_ + milliseconds(99)));
  EXPECT_TRUE(connections.Admit(second.number(), now_ + milliseconds(100)));
}

TEST_F(OpenConnectionsTest, CountsThoseThatCouldNotBeHad) {
  OpenConnections connections(1);
  connections.CountRefused();
  EXPECT_EQ(connections.refused(), 1);
  EXPECT_EQ(connections.open(), 0);
}

TEST_F(OpenConnectionsTest, EndsAConnectionWithWhatHasCome) {
  OpenConnections connections(10);
  const TcpPair hostile, other;
  connections.Admit(hostile.server.number(), now_);
  connections.Admit(other.server.number(), now_);
  for (const TcpPair* const pair : {&hostile, &other}) {
    ASSERT_EQ(send(pair->client.number(), "abc", 3, 0), 3);
  }
  EXPECT_TRUE(connections.Abort(1));
  EXPECT_EQ(connections.aborted(), 1);
  std::array<char, 3> bytes{};
  EXPECT_LE(recv(hostile.server.number(), bytes.data(), bytes.size(), 0), 0);
  EXPECT_LE(recv(hostile.client.number(), bytes.data(), bytes.size(), 0), 0);
  EXPECT_EQ(recv(other.server.number(), bytes.data(), bytes.size(), MSG_WAITALL), 3);
}

TEST_F(OpenConnectionsTest, EndsNothingThatIsOver) {
  OpenConnections connections(10);
  TcpPair first;
  const TcpPair stranger;
  const int number = first.server.number();
  connections.Admit(number, now_);
  first.server.Close();
  const FileDescriptor other(fcntl(stranger.server.number(), F_DUPFD_CLOEXEC, number));
  ASSERT_EQ(other.number(), number);
  EXPECT_FALSE(connections.Abort(1));
  EXPECT_FALSE(connections.Abort(2));
  EXPECT_EQ(connections.aborted(), 0);
}

TEST_F(OpenConnectionsTest, KnowsHowMuchHasComeOnEach) {
  OpenConnections connections(10);
  TcpPair ended;
  const FileDescriptor local = Connection();
  const TcpPair pair;
  connections.Admit(ended.server.number(), now_);
  connections.Admit(local.number(), now_);
  connections.Admit(pair.server.number(), now_);
  ended.server.Close();
  ASSERT_EQ(send(pair.client.number(), "abc", 3, 0), 3);
  std::array<char, 3> bytes{};
  EXPECT_EQ(recv(pair.server.number(), bytes.data(), bytes.size(), MSG_WAITALL), 3);
  const auto received = connections.CountBytes();
  ASSERT_EQ(received.size(), 1);
  EXPECT_EQ(received[0].connection, 3);
  EXPECT_EQ(received[0].ends, EndsOf(pair.server.number()));
  EXPECT_EQ(received[0].count, 3);
}

TEST_F(OpenConnectionsTest, AnotherConnectionOfTheSameDescriptorHasAnotherNumber) {
  OpenConnections connections(10);
  std::optional<TcpPair> pair;
  for (int64_t number = 1; number <= 2; ++number) {
    pair.emplace();
    connections.Admit(pair->server.number(), now_);
    const auto received = connections.CountBytes();
    ASSERT_EQ(received.size(), 1);
    EXPECT_EQ(received[0].connection, number);
    pair.reset();
  }
}

}  // namespace
}  // namespace mdn

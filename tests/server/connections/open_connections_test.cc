#include "server/connections/open_connections.h"

#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <array>
#include <chrono>

#include "server/connections/file_descriptor.h"

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

}  // namespace
}  // namespace mdn

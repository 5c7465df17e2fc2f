#include "server/connections/listening_socket.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/stat.h>

#include <filesystem>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/support/peer.h"
#include "tests/support/temporary_directory.h"

namespace mdn {
namespace {

using ::testing::HasSubstr;

std::vector<ListeningSocket> Open(const std::string& address) {
  auto sockets = ListeningSocket::Open(address);
  EXPECT_TRUE(sockets.ok()) << sockets.status();
  return sockets.ok() ? *std::move(sockets) : std::vector<ListeningSocket>();
}

bool HasConnection(const ListeningSocket& socket) {
  pollfd waits{socket.descriptor(), POLLIN, 0};
  return poll(&waits, 1, 10'000) == 1;
}

TEST(ListeningSocketTest, PicksAFreePort) {
  const auto sockets = Open("127.0.0.1:0");
  ASSERT_EQ(sockets.size(), 1);
  EXPECT_GT(sockets[0].port(), 0);
  const Peer peer(sockets[0].port());
  EXPECT_TRUE(HasConnection(sockets[0]));
}

TEST(ListeningSocketTest, APortIsHadOnce) {
  const auto sockets = Open("127.0.0.1:0");
  for (const char* host : {"127.0.0.1", "localhost", "0.0.0.0"}) {
    const std::string address = absl::StrCat(host, ":", sockets[0].port());
    const auto second = ListeningSocket::Open(address);
    EXPECT_EQ(second.status().code(), absl::StatusCode::kUnavailable);
    EXPECT_EQ(second.status().message(),
              absl::StrCat("cannot listen on ", address, ": Address already in use"));
  }
}

TEST(ListeningSocketTest, APortIsFreeAgainThoughPeersWereConnected) {
  auto sockets = Open("127.0.0.1:0");
  const int port = sockets[0].port();
  const Peer peer(port);
  EXPECT_TRUE(HasConnection(sockets[0]));
  sockets.clear();
  EXPECT_EQ(Open(absl::StrCat("127.0.0.1:", port)).size(), 1);
}

TEST(ListeningSocketTest, TheAddressesOfANameHaveOnePort) {
  const auto sockets = Open("localhost:0");
  ASSERT_FALSE(sockets.empty());
  for (const ListeningSocket& socket : sockets) EXPECT_EQ(socket.port(), sockets[0].port());
}

TEST(ListeningSocketTest, EverywhereIsBothVersionsOfIp) {
  for (const char* address : {"0.0.0.0:0", "[::]:0"}) {
    const auto sockets = Open(address);
    ASSERT_EQ(sockets.size(), 1);
    const Peer peer(sockets[0].port());
    EXPECT_TRUE(HasConnection(sockets[0]));
  }
}

TEST(ListeningSocketTest, SaysWhyItCannotBeHad) {
  EXPECT_EQ(ListeningSocket::Open("192.0.2.1:0").status().message(),
            "cannot listen on 192.0.2.1:0: Cannot assign requested address");
  EXPECT_THAT(std::string(ListeningSocket::Open("no host:1").status().message()),
              HasSubstr("cannot listen on no host:1: "));
}

TEST(ListeningSocketTest, TakesTheBracketsOffAHost) {
  EXPECT_EQ(HostAndPort("[::1]:7"), (std::pair<std::string, std::string>("::1", "7")));
  EXPECT_EQ(HostAndPort("host:7"), (std::pair<std::string, std::string>("host", "7")));
}

class UnixSocketTest : public testing::Test {
 protected:
  std::string Path() const { return directory_.path() + "/socket"; }
  std::string Address() const { return "unix:" + Path(); }
  std::string Refusal() const {
    return std::string(ListeningSocket::Open(Address()).status().message());
  }

  const TemporaryDirectory directory_;
};

TEST_F(UnixSocketTest, ItsFileGoesWithIt) {
  {
    const auto sockets = Open(Address());
    ASSERT_EQ(sockets.size(), 1);
    EXPECT_EQ(sockets[0].port(), 0);
    EXPECT_TRUE(std::filesystem::is_socket(Path()));
  }
  EXPECT_FALSE(std::filesystem::exists(Path()));
}

TEST_F(UnixSocketTest, IsNotTakenFromWhoServesIt) {
  const auto sockets = Open(Address());
  EXPECT_EQ(Refusal(), "cannot listen on " + Address() + ": another process serves it");
  EXPECT_TRUE(std::filesystem::is_socket(Path()));
}

TEST_F(UnixSocketTest, TakesThePlaceOfOneThatNobodyServes) {
  {
    const auto killed = Open(Address());
    std::filesystem::rename(Path(), Path() + "2");  // So that it stays.
  }
  std::filesystem::rename(Path() + "2", Path());
  EXPECT_EQ(Open(Address()).size(), 1);
}

TEST_F(UnixSocketTest, LeavesOtherFilesAlone) {
  directory_.Write("socket", "text");
  EXPECT_THAT(Refusal(), HasSubstr("cannot listen on " + Address()));
  EXPECT_TRUE(std::filesystem::is_regular_file(Path()));
}

TEST_F(UnixSocketTest, LeavesTheSocketOfItsSuccessorAlone) {
  auto first = Open(Address());
  std::filesystem::remove(Path());
  const auto second = Open(Address());
  first.clear();
  EXPECT_TRUE(std::filesystem::is_socket(Path()));
}

TEST_F(UnixSocketTest, SaysWhyItCannotBeHad) {
  EXPECT_EQ(ListeningSocket::Open("unix:/no/such/socket").status().message(),
            "cannot listen on unix:/no/such/socket: No such file or directory");
  EXPECT_THAT(
      std::string(ListeningSocket::Open("unix:/" + std::string(200, 'x')).status().message()),
      HasSubstr("the path is too long"));
}

}  // namespace
}  // namespace mdn

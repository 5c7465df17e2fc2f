#include "server/connections/listening_socket.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <future>
#include <list>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/support/peer.h"
#include "tests/support/temporary_directory.h"

namespace mdn {
namespace {

using ::testing::HasSubstr;

std::vector<ListeningSocket> Open(const std::string& address, PortUse use = PortUse::kAlone) {
  auto sockets = ListeningSocket::Open(address, use);
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

TEST(ListeningSocketTest, APortIsSharedByThoseWhoAllSaySo) {
  const auto first = Open("127.0.0.1:0", PortUse::kShared);
  const std::string address = absl::StrCat("127.0.0.1:", first[0].port());
  EXPECT_FALSE(ListeningSocket::Open(address).ok());
  const auto second = Open(address, PortUse::kShared);
  std::list<Peer> peers;
  for (int i = 0; i < 64; ++i) peers.emplace_back(first[0].port());
  EXPECT_TRUE(HasConnection(first[0]));
  EXPECT_TRUE(HasConnection(second[0]));
}

TEST(ListeningSocketTest, NobodyJoinsWhoListensAlone) {
  const auto alone = Open("127.0.0.1:0");
  const std::string address = absl::StrCat("127.0.0.1:", alone[0].port());
  EXPECT_EQ(ListeningSocket::Open(address, PortUse::kShared).status().code(),
            absl::StatusCode::kUnavailable);
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

TEST(ListeningSocketTest, AStarIsEverywhereOnce) {
  const auto sockets = Open("*:0");
  ASSERT_EQ(sockets.size(), 1);
  const Peer peer(sockets[0].port());
  EXPECT_TRUE(HasConnection(sockets[0]));
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

/// Whether a process of its own, to which `hosts` is /etc/hosts, can listen at the address.
/// Nothing: this process may not mount files.
std::optional<bool> CanListenWithHosts(const std::string& hosts, const std::string& address) {
  constexpr int kYes = 0, kNo = 1, kUnknown = 2;
  const pid_t child = fork();
  if (child == 0) {
    const bool mounted = unshare(CLONE_NEWNS) == 0 &&
                         mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
                         mount(hosts.c_str(), "/etc/hosts", nullptr, MS_BIND, nullptr) == 0;
    _exit(!mounted ? kUnknown : ListeningSocket::Open(address).ok() ? kYes : kNo);
  }
  if (child < 0) return std::nullopt;
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  if (WEXITSTATUS(status) == kUnknown) return std::nullopt;
  return WEXITSTATUS(status) == kYes;
}

TEST(ListeningSocketTest, AnAddressThatANameHasTwiceIsOne) {
  const TemporaryDirectory directory;
  const std::string hosts =
      directory.Write("hosts", "127.0.0.1 twice\n127.0.0.2 twice\n127.0.0.1 twice\n");
  const std::optional<bool> listens = CanListenWithHosts(hosts, "twice:0");
  if (!listens.has_value()) GTEST_SKIP() << "mounting a file needs root";
  EXPECT_TRUE(*listens);
}

class UnixSocketTest : public testing::Test {
 protected:
  std::string Path() const { return directory_.Path("socket"); }
  std::string Address() const { return "unix:" + Path(); }
  std::string Refusal() const {
    return std::string(ListeningSocket::Open(Address()).status().message());
  }

  /// As a server that was killed does.
  void LeaveSocket() const {
    {
      const auto killed = Open(Address());
      std::filesystem::rename(Path(), Path() + "2");
    }
    std::filesystem::rename(Path() + "2", Path());
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
  LeaveSocket();
  EXPECT_EQ(Open(Address()).size(), 1);
}

TEST_F(UnixSocketTest, OneOfManyTakesThePlaceOfOneThatNobodyServes) {
  constexpr int kStarters = 8;
  for (int round = 0; round < 300; ++round) {
    LeaveSocket();
    std::atomic<int> ready{0};
    std::vector<std::future<std::vector<ListeningSocket>>> starters;
    for (int i = 0; i < kStarters; ++i) {
      starters.push_back(std::async(std::launch::async, [&] {
        for (++ready; ready < kStarters;) std::this_thread::yield();
        auto sockets = ListeningSocket::Open(Address());
        return sockets.ok() ? *std::move(sockets) : std::vector<ListeningSocket>();
      }));
    }
    std::vector<std::vector<ListeningSocket>> taken;
    for (auto& starter : starters) taken.push_back(starter.get());
    ASSERT_EQ(std::count_if(taken.begin(), taken.end(), [](const auto& t) { return !t.empty(); }),
              1);
  }
}

TEST_F(UnixSocketTest, LeavesOtherFilesAlone) {
  directory_.Write("socket", "text");
  EXPECT_EQ(Refusal(), "cannot listen on " + Address() + ": a file that is no socket is there");
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

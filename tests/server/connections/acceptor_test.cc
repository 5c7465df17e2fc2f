#include "server/connections/acceptor.h"

#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <sys/resource.h>

#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/await.h"
#include "tests/support/peer.h"

namespace mdn {
namespace {

class AcceptorTest : public testing::Test {
 protected:
  void Start(int limit) {
    connections_ = std::make_unique<OpenConnections>(limit);
    auto sockets = ListeningSocket::Open("127.0.0.1:0");
    ASSERT_TRUE(sockets.ok()) << sockets.status();
    port_ = sockets->front().port();
    std::vector<Acceptor::Listener> listeners;
    listeners.push_back({std::move(sockets->front()), [this](int descriptor) {
                           const std::lock_guard<std::mutex> lock(mutex_);
                           taken_.emplace_back(descriptor);
                         }});
    acceptor_ = std::make_unique<Acceptor>(std::move(listeners), *connections_);
  }

  bool AwaitTaken(size_t count) {
    return Await([&] {
      const std::lock_guard<std::mutex> lock(mutex_);
      return taken_.size() == count;
    });
  }

  int port_ = 0;
  std::mutex mutex_;
  std::vector<FileDescriptor> taken_;  // Guarded by mutex_.
  std::unique_ptr<OpenConnections> connections_;
  std::unique_ptr<Acceptor> acceptor_;
};

TEST_F(AcceptorTest, HandsOverWhatConnects) {
  Start(10);
  const Peer first(port_), second(port_);
  EXPECT_TRUE(AwaitTaken(2));
  EXPECT_EQ(connections_->open(), 2);
}

TEST_F(AcceptorTest, ClosesWhatIsBeyondTheLimit) {
  Start(2);
  const Peer first(port_), second(port_);
  EXPECT_TRUE(AwaitTaken(2));
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(Peer(port_).AwaitEnd());
  EXPECT_EQ(connections_->refused(), 5);
  EXPECT_TRUE(AwaitTaken(2));
}

/// No descriptor can be had while this lives.
class NoDescriptors {
 public:
  NoDescriptors() {
    getrlimit(RLIMIT_NOFILE, &limit_);
    const FileDescriptor lowest(eventfd(0, EFD_CLOEXEC));
    const rlimit none{static_cast<rlim_t>(lowest.number()), limit_.rlim_max};
    EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  }
  ~NoDescriptors() { EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &limit_), 0); }

 private:
  rlimit limit_{};
};

TEST_F(AcceptorTest, RefusesWhatItHasNoDescriptorForAndGoesOn) {
  Start(10);
  const Peer before(port_);
  EXPECT_TRUE(AwaitTaken(1));
  const std::vector<Peer> refused(3);
  {
    const NoDescriptors none;
    for (const Peer& peer : refused) {
      peer.Connect(port_);
      EXPECT_TRUE(peer.AwaitEnd());
    }
  }
  EXPECT_TRUE(Await([&] { return connections_->refused() == 3; }));
  EXPECT_EQ(connections_->open(), 1);
  const Peer after(port_);
  EXPECT_TRUE(AwaitTaken(2));
}

TEST_F(AcceptorTest, NobodyListensWhenItHasEnded) {
  Start(10);
  acceptor_.reset();
  EXPECT_TRUE(ListeningSocket::Open("127.0.0.1:" + std::to_string(port_)).ok());
}

}  // namespace
}  // namespace mdn

#include "server/observability/http_listener.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"

namespace mdn {
namespace {

using std::chrono::milliseconds;
using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

HttpListener::Pages SomePages() {
  return {{"/metrics",
           [] {
             return HttpListener::Page{200, "text/plain; version=0.0.4", "rows 1\n"};
           }},
          {"/readyz",
           [] {
             return HttpListener::Page{503, "text/plain", "not ready\n"};
           }},
          {"/large", [] {
             return HttpListener::Page{200, "text/plain", std::string(10 << 20, 'x')};
           }}};
}

std::unique_ptr<HttpListener> StartListener(HttpListener::Limits limits = {}) {
  auto listener = HttpListener::Start("127.0.0.1:0", SomePages(), limits);
  EXPECT_TRUE(listener.ok()) << listener.status();
  return *std::move(listener);
}

/// A connection of a client to the listener, on 127.0.0.1.
class Peer {
 public:
  explicit Peer(const HttpListener& listener) : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    const std::string address = listener.address();
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons(std::atoi(address.substr(address.rfind(':') + 1).c_str()));
    EXPECT_EQ(connect(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof(to)), 0);
  }
  ~Peer() { close(fd_); }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  void Send(const std::string& text) const {
    // The listener may have closed already.
    [[maybe_unused]] const ssize_t sent = send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
  }
  /// All that comes until the listener closes.
  std::string ReadAll() const {
    std::string all;
    char buffer[65536];
    ssize_t size = 0;
    while ((size = read(fd_, buffer, sizeof(buffer))) > 0) all.append(buffer, size);
    return all;
  }

 private:
  const int fd_;
};

std::string Ask(const HttpListener& listener, const std::string& request) {
  const Peer peer(listener);
  peer.Send(request);
  return peer.ReadAll();
}

std::string Get(const HttpListener& listener, const std::string& path) {
  return Ask(listener, absl::StrCat("GET ", path, " HTTP/1.1\r\nHost: x\r\n\r\n"));
}

TEST(HttpListenerTest, AnswersItsPages) {
  const auto listener = StartListener();
  EXPECT_THAT(Get(*listener, "/metrics"),
              AllOf(StartsWith("HTTP/1.1 200 OK\r\n"),
                    HasSubstr("Content-Type: text/plain; version=0.0.4\r\n"),
                    HasSubstr("Content-Length: 7\r\n"), EndsWith("\r\n\r\nrows 1\n")));
  EXPECT_THAT(Get(*listener, "/readyz"), AllOf(StartsWith("HTTP/1.1 503 Service Unavailable\r\n"),
                                               EndsWith("\r\n\r\nnot ready\n")));
  EXPECT_THAT(Get(*listener, "/metrics?name=a"), EndsWith("rows 1\n"));
  EXPECT_EQ(Get(*listener, "/large").size() >> 20, 10u);
}

TEST(HttpListenerTest, AnswersHeadWithoutABody) {
  const auto listener = StartListener();
  EXPECT_THAT(Ask(*listener, "HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n"),
              AllOf(HasSubstr("Content-Length: 7\r\n"), EndsWith("\r\n\r\n")));
}

TEST(HttpListenerTest, RefusesOtherPathsAndMethods) {
  const auto listener = StartListener();
  for (const char* path : {"/", "/metrics/", "/metric", "/metrics/../readyz", "//metrics", "*"}) {
    EXPECT_THAT(Get(*listener, path), StartsWith("HTTP/1.1 404 Not Found\r\n")) << path;
  }
  EXPECT_THAT(Ask(*listener, "POST /metrics HTTP/1.1\r\nContent-Length: 1000000000\r\n\r\n"),
              StartsWith("HTTP/1.1 405 Method Not Allowed\r\n"));
  EXPECT_THAT(Ask(*listener, "BREW /metrics HTTP/1.1\r\n\r\n"),
              StartsWith("HTTP/1.1 405 Method Not Allowed\r\n"));
}

TEST(HttpListenerTest, EndsConnectionsThatSendWhatIsNoRequestOrTooLong) {
  const auto listener = StartListener({32, std::chrono::hours(1)});
  EXPECT_EQ(Ask(*listener, "\x16\x03\x01 hello\r\n\r\n"), "");
  EXPECT_EQ(Ask(*listener, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), "");
  EXPECT_EQ(Get(*listener, std::string(10'000, 'a')), "");
  EXPECT_EQ(Ask(*listener, absl::StrCat("GET / HTTP/1.1\r\nA: ", std::string(1 << 20, 'a'))), "");
  EXPECT_THAT(Get(*listener, "/metrics"), EndsWith("rows 1\n"));
}

TEST(HttpListenerTest, EndsConnectionsWhoseTimeIsOver) {
  const auto listener = StartListener({32, milliseconds(50)});
  // The time of the deaf one, who reads after the others have been ended, begins first.
  const Peer deaf(*listener);
  deaf.Send("GET /large HTTP/1.1\r\n\r\n");
  const Peer silent(*listener), unfinished(*listener);
  unfinished.Send("GET /metrics HTTP/1.1\r\n");
  EXPECT_EQ(silent.ReadAll(), "");
  EXPECT_EQ(unfinished.ReadAll(), "");
  EXPECT_LT(deaf.ReadAll().size(), size_t{10} << 20);
}

TEST(HttpListenerTest, ClosesTheOldestWhereTooManyConnect) {
  const auto listener = StartListener({3, std::chrono::hours(1)});
  std::vector<std::unique_ptr<Peer>> silent;
  for (int i = 0; i < 3; ++i) silent.push_back(std::make_unique<Peer>(*listener));
  EXPECT_THAT(Get(*listener, "/metrics"), EndsWith("rows 1\n"));
  EXPECT_EQ(silent[0]->ReadAll(), "");  // Ends without its time's being over.
  silent[1]->Send("GET /metrics HTTP/1.1\r\n\r\n");
  EXPECT_THAT(silent[1]->ReadAll(), EndsWith("rows 1\n"));
}

TEST(HttpListenerTest, ServesAgainAfterNoFileDescriptorWasLeft) {
  const auto listener = StartListener();
  const Peer waiting(*listener);
  waiting.Send("GET /metrics HTTP/1.1\r\n\r\n");
  EXPECT_THAT(waiting.ReadAll(), EndsWith("rows 1\n"));

  rlimit limit{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  Peer peer(*listener);  // Has its descriptor; the listener's side may find none.
  const rlimit none{0, limit.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  peer.Send("GET /metrics HTTP/1.1\r\n\r\n");
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
  EXPECT_THAT(peer.ReadAll(), EndsWith("rows 1\n"));
}

TEST(HttpListenerTest, TellsWhyAnAddressCannotBeHad) {
  const auto listener = StartListener();
  const auto second = HttpListener::Start(listener->address(), {}, {});
  EXPECT_EQ(second.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(second.status().message(),
            absl::StrCat("cannot listen on ", listener->address(), ": Address already in use"));
  EXPECT_EQ(HttpListener::Start("256.0.0.1:9464", {}, {}).status().code(),
            absl::StatusCode::kUnavailable);
  EXPECT_EQ(HttpListener::Start("9464", {}, {}).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(HttpListenerTest, ListensOnNamesAndOnVersionSixAndKeepsTheirSpelling) {
  EXPECT_THAT((*HttpListener::Start("localhost:0", {}, {}))->address(), StartsWith("localhost:"));
  const auto listener = HttpListener::Start("[::1]:0", {}, {});
  if (!listener.ok()) GTEST_SKIP() << "this machine has no IPv6: " << listener.status();
  EXPECT_THAT((*listener)->address(), StartsWith("[::1]:"));
}

TEST(HttpListenerTest, StopsAtOnceThoughPeersAreConnected) {
  auto listener = StartListener({32, std::chrono::hours(1)});
  const Peer silent(*listener);
  EXPECT_THAT(Get(*listener, "/metrics"), EndsWith("rows 1\n"));
  listener.reset();
  EXPECT_EQ(silent.ReadAll(), "");
}

}  // namespace
}  // namespace mdn

// Peers that take connections, and do next to nothing with them.
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "grpc/health/v1/health.grpc.pb.h"
#include "tests/integration/raw_http2.h"
#include "tests/support/await.h"
#include "tests/support/certificates.h"
#include "tests/support/child_process.h"
#include "tests/support/from_environment.h"
#include "tests/support/monitored_server.h"
#include "tests/support/peer.h"
#include "tests/support/temporary_directory.h"

namespace mdn {
namespace {

using Clock = std::chrono::steady_clock;
using grpc::health::v1::Health;

constexpr char kPreface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

double SecondsSince(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

/// A connection of its own, over which the server's health is asked.
class Probe {
 public:
  explicit Probe(const std::string& address) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    stub_ = Health::NewStub(
        grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments));
  }
  bool Check(std::chrono::seconds patience = std::chrono::seconds(20)) const {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + patience);
    grpc::health::v1::HealthCheckResponse response;
    return stub_->Check(&context, {}, &response).ok();
  }

 private:
  std::unique_ptr<Health::Stub> stub_;
};

/// Lets the server have no more than `more` files besides those that it has.
void LeaveFiles(pid_t server, int more) {
  const std::filesystem::directory_iterator files("/proc/" + std::to_string(server) + "/fd");
  rlimit limit{};
  ASSERT_EQ(prlimit(server, RLIMIT_NOFILE, nullptr, &limit), 0);
  limit.rlim_cur = static_cast<rlim_t>(std::distance(begin(files), end(files)) + more);
  ASSERT_EQ(prlimit(server, RLIMIT_NOFILE, &limit, nullptr), 0);
}

TEST(HostileConnectionsTest, ServesAgainAfterNoFileWasLeft) {
  MonitoredServer server;
  const std::string& address = server.process().address();
  const Probe before(address);
  EXPECT_TRUE(Await([&] { return before.Check(); }));
  LeaveFiles(server.process().id(), 40);
  {
    std::vector<Peer> peers;
    for (int i = 0; i < 80; ++i) peers.emplace_back(server.process().port());
    EXPECT_TRUE(peers.back().AwaitEnd());
    EXPECT_TRUE(before.Check());
    // Whoever asks anew, such as a liveness probe, is told.
    EXPECT_FALSE(Probe(address).Check(std::chrono::seconds(1)));
  }
  const auto released = Clock::now();
  EXPECT_TRUE(Await([&] { return Probe(address).Check(std::chrono::seconds(5)); }));
  std::printf("           served %.2f s after files were to be had\n", SecondsSince(released));
  EXPECT_GE(server.Metric("mdn_connections_refused_total"), 40);
  EXPECT_TRUE(before.Check());
}

TEST(HostileConnectionsTest, ConnectionsBeyondTheLimitAreClosed) {
  constexpr int kLimit = 50;
  const int beyond = FromEnvironment("TEST_CONNECTIONS", 200);
  MonitoredServer server({"--max_connections=" + std::to_string(kLimit)});
  EXPECT_EQ(server.Metric("mdn_connections_limit"), kLimit);
  std::vector<std::unique_ptr<RawHttp2>> peers;
  for (int i = 0; i < kLimit; ++i) {
    peers.push_back(std::make_unique<RawHttp2>(server.process().port()));
  }
  EXPECT_TRUE(Await([&] { return server.Metric("mdn_connections") == kLimit; }));
  for (int i = 0; i < beyond; ++i) {
    EXPECT_TRUE(Peer(server.process().port()).AwaitEnd());
  }
  EXPECT_EQ(server.Metric("mdn_connections"), kLimit);
  EXPECT_EQ(server.Metric("mdn_connections_refused_total"), beyond);
  peers.clear();
  EXPECT_TRUE(Await([&] { return Probe(server.process().address()).Check(); }));
}

TEST(HostileConnectionsTest, HandshakesThatNeverEndAreEnded) {
  const int count = FromEnvironment("TEST_HANDSHAKES", 50);
  const TemporaryDirectory folder;
  const Pem pem = CertificateAuthority().Issue();
  const ServerProcess plain("ex_1d.pt");
  const ServerProcess secure("ex_1d.pt",
                             {"--tls_cert=" + folder.Replace("cert.pem", pem.certificate),
                              "--tls_key=" + folder.Replace("key.pem", pem.key)});
  // A record of TLS 1.0 to 1.2, 512 bytes long, with the beginning of a ClientHello.
  const std::string half_hello("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11);
  std::vector<Peer> peers;
  for (int i = 0; i < count; ++i) {
    peers.emplace_back(plain.port());
    peers.emplace_back(plain.port()).Send(kPreface);
    peers.emplace_back(secure.port());
    peers.emplace_back(secure.port()).Send(half_hello);
  }
  const auto begin = Clock::now();
  for (const Peer& peer : peers) EXPECT_TRUE(peer.AwaitEnd());
  std::printf("           all %zu were closed after %.1f s\n", peers.size(), SecondsSince(begin));
  EXPECT_TRUE(Probe(plain.address()).Check());
}

TEST(HostileConnectionsTest, BodiesThatNeverComeEndWithTheirConnection) {
  const int count = FromEnvironment("TEST_BODIES", 50);
  const ServerProcess server("ex_1d.pt",
                             {"--max_connection_age=1s", "--max_connection_age_grace=1s"});
  std::vector<std::unique_ptr<RawHttp2>> peers;
  for (int i = 0; i < count; ++i) {
    peers.push_back(std::make_unique<RawHttp2>(server.port()));
    peers.back()->BeginCall("/mdn.v1.MdnService/Predict");
    peers.back()->SendData(MessagePrefix(false, 1000) + "half", 1000);
  }
  const auto begin = Clock::now();
  for (const auto& peer : peers) EXPECT_TRUE(peer->AwaitClose(30'000));
  std::printf("           all %d were closed after %.1f s\n", count, SecondsSince(begin));
  EXPECT_TRUE(Probe(server.address()).Check());
}

}  // namespace
}  // namespace mdn

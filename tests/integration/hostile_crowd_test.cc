// Peers that take what many small things cost, rather than one large one: what the server's memory
// and the calls of others come to meanwhile.
#include <dirent.h>
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "mdn/v1/mdn.grpc.pb.h"
#include "tests/integration/raw_http2.h"
#include "tests/support/await.h"
#include "tests/support/child_process.h"
#include "tests/support/connected_channel.h"
#include "tests/support/from_environment.h"
#include "tests/support/monitored_server.h"

namespace mdn {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int64_t kMiB = int64_t{1} << 20;
constexpr char kPredict[] = "/mdn.v1.MdnService/Predict";
constexpr char kSample[] = "/mdn.v1.MdnService/Sample";

/// A caller that does nothing unusual, one call after the other, until it is stopped.
class Bystander {
 public:
  explicit Bystander(const std::string& address)
      : stub_(v1::MdnService::NewStub(ConnectedChannel(address))) {
    Call();
    thread_ = std::thread([this] {
      while (!stopped_) Call();
    });
  }
  ~Bystander() { Stop(); }

  void Stop() {
    stopped_ = true;
    if (thread_.joinable()) thread_.join();
  }
  int failed() const { return failed_; }
  size_t calls() const { return seconds_.size(); }
  double Quantile(double p) {
    std::sort(seconds_.begin(), seconds_.end());
    return seconds_[std::min(seconds_.size() - 1, static_cast<size_t>(p * seconds_.size()))];
  }

 private:
  void Call() {
    v1::PredictRequest request;
    v1::PredictResponse response;
    request.mutable_x()->add_shape(1);
    request.mutable_x()->add_values(0.5f);
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
    const auto begin = Clock::now();
    const grpc::Status status = stub_->Predict(&context, request, &response);
    seconds_.push_back(std::chrono::duration<double>(Clock::now() - begin).count());
    failed_ += status.ok() ? 0 : 1;
    EXPECT_TRUE(status.ok()) << status.error_message();
  }

  const std::unique_ptr<v1::MdnService::Stub> stub_;
  std::atomic<bool> stopped_{false};
  std::vector<double> seconds_;
  int failed_ = 0;
  std::thread thread_;
};

class HostileCrowdTest : public testing::Test {
 protected:
  HostileCrowdTest() : bystander_(server_.address()), before_(server_.resident_bytes()) {}

  /// Ends the attack, and tells what it came to.
  void Tell(int64_t most_growth) {
    bystander_.Stop();
    const int64_t growth = server_.peak_resident_bytes() - before_;
    std::printf("           memory +%ld MiB; others: %zu calls, p50 %.1f ms, p99 %.1f ms\n",
                static_cast<long>(growth / kMiB), bystander_.calls(),
                1e3 * bystander_.Quantile(0.5), 1e3 * bystander_.Quantile(0.99));
    RecordProperty("growth_mib", std::to_string(growth / kMiB));
    RecordProperty("p99_ms", std::to_string(1e3 * bystander_.Quantile(0.99)));
    EXPECT_LE(growth, most_growth);
    EXPECT_EQ(bystander_.failed(), 0);
    EXPECT_LE(bystander_.Quantile(0.99), 5);
  }

  /// Returns when the server's memory has grown by less than 1 MiB in half a second.
  void AwaitStillMemory() const {
    int64_t last = 0;
    EXPECT_TRUE(Await([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(500));
      const int64_t now = server_.resident_bytes();
      return now - std::exchange(last, now) < kMiB;
    }));
  }

  int OpenFiles() const {
    const std::filesystem::directory_iterator files("/proc/" + std::to_string(server_.id()) +
                                                    "/fd");
    return static_cast<int>(std::distance(begin(files), end(files)));
  }

  MonitoredServer monitored_;
  ServerProcess& server_ = monitored_.process();
  Bystander bystander_;
  const int64_t before_;
};

template <class Message>
std::string Framed(const Message& message) {
  const std::string bytes = message.SerializeAsString();
  return MessagePrefix(false, static_cast<uint32_t>(bytes.size())) + bytes;
}

v1::SampleRequest ManySamples() {
  v1::SampleRequest request;
  request.mutable_x()->add_shape(1);
  request.mutable_x()->add_values(0.5f);
  request.set_num_samples(1'000'000);
  return request;
}

TEST_F(HostileCrowdTest, AnswersThatNobodyReadsAreBounded) {
  std::vector<std::unique_ptr<RawHttp2>> readers;
  for (int i = 0; i < 100; ++i) {  // 4 MB each.
    readers.push_back(std::make_unique<RawHttp2>(server_.port()));
    readers.back()->BeginCall(kSample);
    readers.back()->SendData(Framed(ManySamples()), 1000, true);
  }
  AwaitStillMemory();
  // What calls may hold together, 256 MiB, and what the allocator keeps of it.
  Tell(768 * kMiB);
}

TEST_F(HostileCrowdTest, CallersThatVanishLeaveNothing) {
  const int files = OpenFiles();
  for (int i = 0; i < 300; ++i) {
    RawHttp2 half(server_.port());
    half.BeginCall(kPredict);
    half.SendData(MessagePrefix(false, 1000) + std::string(500, 'x'), 100);
    RawHttp2 whole(server_.port());
    whole.BeginCall(kSample);
    whole.SendData(Framed(ManySamples()), 100, true);
  }
  EXPECT_TRUE(Await([&] { return OpenFiles() <= files; }, std::chrono::seconds(60)));
  Tell(384 * kMiB);
}

TEST_F(HostileCrowdTest, IdleConnectionsCostLittle) {
  const int count = FromEnvironment("TEST_IDLE_CONNECTIONS", 500);
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  std::vector<std::unique_ptr<RawHttp2>> idle;
  for (int i = 0; i < count; ++i) idle.push_back(std::make_unique<RawHttp2>(server_.port()));
  AwaitStillMemory();
  Tell(16 * kMiB + int64_t{count} * (64 << 10));
}

TEST_F(HostileCrowdTest, LongHeadersAreRefused) {
  for (int i = 0; i < 20; ++i) {
    RawHttp2 connection(server_.port());
    connection.BeginCallWithLongHeader(kPredict, 256 << 10);
    connection.SendData(MessagePrefix(false, 0), 1000, true);
    EXPECT_TRUE(connection.AwaitEnd(30'000));
  }
  Tell(32 * kMiB);
}

TEST_F(HostileCrowdTest, PeersThatResetRapidlyAreEnded) {
  static constexpr int kCalls = 200'000;
  v1::PredictRequest request;
  request.mutable_x()->add_shape(1);
  request.mutable_x()->add_values(0.5f);
  std::vector<std::thread> attackers;
  for (int i = 0; i < 2; ++i) {
    attackers.emplace_back([this, message = Framed(request)] {
      RawHttp2 connection(server_.port());
      const int sent = connection.BeginAndResetCalls(kPredict, message, kCalls);
      std::printf("           %d calls were begun and reset\n", sent);
      EXPECT_LT(sent, kCalls);
    });
  }
  for (std::thread& attacker : attackers) attacker.join();
  EXPECT_GE(monitored_.Metric("mdn_connections_aborted_total"), 1);
  // Some 14 KiB a call, for as many as come until the peers are judged; 4.8 GiB for all of them.
  Tell(1024 * kMiB);
}

struct NamedFlood {
  std::string name;
  RawHttp2::Flood flood;
};

class FloodTest : public HostileCrowdTest, public testing::WithParamInterface<NamedFlood> {};

TEST_P(FloodTest, IsEnded) {
  constexpr int64_t kBytes = 1024 * kMiB;
  RawHttp2 connection(server_.port());
  const int64_t sent = connection.SendFlood(kPredict, GetParam().flood, kBytes);
  std::printf("           %.1f MiB were sent\n", static_cast<double>(sent) / kMiB);
  EXPECT_LT(sent, kBytes);
  // What may come of one peer until it is judged, and what gRPC makes of it.
  Tell(384 * kMiB);
}

INSTANTIATE_TEST_SUITE_P(Frames, FloodTest,
                         testing::Values(NamedFlood{"Ping", RawHttp2::Flood::kPing},
                                         NamedFlood{"Settings", RawHttp2::Flood::kSettings},
                                         NamedFlood{"EmptyData", RawHttp2::Flood::kEmptyData},
                                         NamedFlood{"WindowUpdate", RawHttp2::Flood::kWindowUpdate},
                                         NamedFlood{"Priority", RawHttp2::Flood::kPriority},
                                         NamedFlood{"Continuation",
                                                    RawHttp2::Flood::kContinuation}),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace mdn

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <atomic>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "grpc/health/v1/health.grpc.pb.h"
#include "mdn/v1/mdn.grpc.pb.h"
#include "tests/support/await.h"
#include "tests/support/child_process.h"
#include "tests/support/connected_channel.h"
#include "tests/support/from_environment.h"
#include "tests/support/monitored_server.h"

namespace mdn {
namespace {

using grpc::health::v1::HealthCheckResponse;
using testing::AnyOf;
using testing::Eq;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

/// Callers that go on until they are told to stop or an error comes, and what the errors said.
class Load {
 public:
  Load(const std::string& address, int callers) : running_(callers) {
    for (int i = 0; i < callers; ++i)
      callers_.emplace_back([this, address] {
        Run(address);
        --running_;
      });
  }
  ~Load() { Join(); }

  void Stop() { stopped_ = true; }
  void Join() {
    for (std::thread& caller : callers_) {
      if (caller.joinable()) caller.join();
    }
  }
  /// Waits for so many answers, or until every caller has been refused.
  void AwaitAnswers(int count) {
    Await([&] { return answered_ >= count || running_ == 0; });
    EXPECT_GE(answered_, count);
  }
  int answered() const { return answered_; }
  /// The errors that ended the callers, one each.
  std::map<std::string, int> refusals() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return refusals_;
  }

 private:
  void Run(const std::string& address) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    const auto stub = v1::MdnService::NewStub(
        ConnectedChannel(address, grpc::InsecureChannelCredentials(), arguments));
    v1::SampleRequest request;
    request.mutable_x()->add_shape(1);
    request.mutable_x()->add_values(0.5f);
    request.set_num_samples(1000);
    while (!stopped_) {
      grpc::ClientContext context;
      v1::SampleResponse response;
      const grpc::Status status = stub->Sample(&context, request, &response);
      if (!status.ok()) {
        const std::lock_guard<std::mutex> lock(mutex_);
        ++refusals_[std::to_string(status.error_code()) + " " + status.error_message()];
        return;
      }
      EXPECT_EQ(response.samples().values_size(), 1000);
      ++answered_;
    }
  }

  std::vector<std::thread> callers_;
  std::atomic<int> answered_{0};
  std::atomic<int> running_;
  std::atomic<bool> stopped_{false};
  std::mutex mutex_;
  std::map<std::string, int> refusals_;
};

/// What health says of the whole server, one answer after another.
class HealthWatch {
 public:
  explicit HealthWatch(const std::string& address)
      : stub_(grpc::health::v1::Health::NewStub(ConnectedChannel(address))),
        watch_(stub_->Watch(&context_, grpc::health::v1::HealthCheckRequest())) {}

  HealthCheckResponse::ServingStatus Next() {
    HealthCheckResponse response;
    return watch_->Read(&response) ? response.status() : HealthCheckResponse::UNKNOWN;
  }

 private:
  grpc::ClientContext context_;
  const std::unique_ptr<grpc::health::v1::Health::Stub> stub_;
  const std::unique_ptr<grpc::ClientReader<HealthCheckResponse>> watch_;
};

TEST(DrainUnderLoadTest, NoAcceptedCallFailsAndOpenWatchesDelayNothing) {
  ServerProcess server("ex_1d.pt", {"--access_log=errors", "--drain_timeout=60s"});
  HealthWatch watch(server.address());
  EXPECT_EQ(watch.Next(), HealthCheckResponse::SERVING);

  Load load(server.address(), 16);
  load.AwaitAnswers(2000);
  const auto begin = std::chrono::steady_clock::now();
  server.Signal(SIGTERM);
  EXPECT_EQ(watch.Next(), HealthCheckResponse::NOT_SERVING);
  EXPECT_EQ(server.Wait(), 0);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(40));
  load.Join();
  // Every caller ends by being told that its next call was not taken: by the server, or, where it
  // was slow to make that call, by gRPC's shutdown or by finding nobody.
  int refused = 0;
  for (const auto& [refusal, callers] : load.refusals()) {
    EXPECT_THAT(refusal, AnyOf(Eq("14 the server is draining"), Eq("1 CANCELLED"),
                               StartsWith("14 failed to connect to all addresses")));
    refused += callers;
  }
  EXPECT_EQ(refused, 16);
  // Of those that the server took, none was cancelled.
  EXPECT_THAT(server.errors(), Not(HasSubstr("code=CANCELLED")));
}

TEST(DrainUnderLoadTest, CallersThatHeedHealthSeeNoErrorAtAll) {
  ServerProcess server("ex_1d.pt", {"--lame_duck=1h"});
  HealthWatch watch(server.address());
  EXPECT_EQ(watch.Next(), HealthCheckResponse::SERVING);

  Load load(server.address(), 16);
  load.AwaitAnswers(1000);
  server.Signal(SIGTERM);
  EXPECT_EQ(watch.Next(), HealthCheckResponse::NOT_SERVING);
  // It still serves: those who have not heard yet lose nothing.
  load.AwaitAnswers(load.answered() + 200);
  load.Stop();
  load.Join();
  EXPECT_EQ(load.refusals(), (std::map<std::string, int>()));
}

TEST(ConnectionAgeTest, CallersWhoseConnectionsGrowOldSeeNoError) {
  MonitoredServer server({"--max_connection_age=1s"});
  Load load(server.process().address(), 16);
  // Each caller's first connection has gone, and each caller has another.
  EXPECT_TRUE(Await([&] { return server.Metric("mdn_connections_accepted_total") >= 32; }));
  load.AwaitAnswers(FromEnvironment("TEST_AGED_CALLS", 1000));
  load.Stop();
  load.Join();
  EXPECT_EQ(load.refusals(), (std::map<std::string, int>()));
  std::cout << "           " << load.answered() << " calls over "
            << server.Metric("mdn_connections_accepted_total") << " connections\n";
}

TEST(DrainUnderLoadTest, AnInterruptGoesWithoutTheLameDuck) {
  ServerProcess server("ex_1d.pt", {"--lame_duck=1h"});
  server.Signal(SIGINT);
  EXPECT_EQ(server.Wait(), 0);
}

TEST(DrainUnderLoadTest, ASecondSignalEndsTheLameDuckAtOnce) {
  ServerProcess server("ex_1d.pt", {"--lame_duck=1h"});
  HealthWatch watch(server.address());
  EXPECT_EQ(watch.Next(), HealthCheckResponse::SERVING);
  server.Signal(SIGTERM);
  EXPECT_EQ(watch.Next(), HealthCheckResponse::NOT_SERVING);
  server.Signal(SIGTERM);
  EXPECT_EQ(server.Wait(), 128 + SIGTERM);
}

}  // namespace
}  // namespace mdn

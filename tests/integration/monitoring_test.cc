#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <string>
#include <vector>

#include "client/load/generator.h"
#include "client/load/workload.h"
#include "mdn/v1/mdn.grpc.pb.h"
#include "tests/support/await.h"
#include "tests/support/child_process.h"
#include "tests/support/connected_channel.h"
#include "tests/support/monitored_server.h"
#include "tests/support/temporary_directory.h"

namespace mdn {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kPredict[] =
    "grpc_type=\"unary\",grpc_service=\"mdn.v1.MdnService\",grpc_method=\"Predict\"";

/// What a generator sees of `requests` Predicts of one row, 32 at a time.
load::LoadResult Load(const std::string& address, int64_t requests) {
  load::Workload workload;
  workload.dim_in = 1;
  const std::atomic<bool> stop{false};
  load::GeneratorOptions options;
  options.servers = {address};
  options.connections = 4;
  auto generator = load::LoadGenerator::Connect(options, workload);
  EXPECT_TRUE(generator.ok()) << generator.status();
  load::LoadPhase phase;
  phase.concurrency = 32;
  phase.duration = std::chrono::minutes(10);  // Longer than the test may take.
  phase.max_requests = requests;
  return (*generator)->Run(phase, stop);
}

std::string Series(const std::string& code) {
  return std::string("grpc_server_handled_total{") + kPredict + ",grpc_code=\"" + code + "\"}";
}

TEST(MonitoringTest, CountsEqualThoseOfTheLoadGeneratorToTheLastRequest) {
  const int64_t kRequests = 20'000;
  MonitoredServer server({"--max_inflight_requests=8"});
  const load::LoadResult seen = Load(server.process().address(), kRequests);
  const std::string text = server.Get("/metrics").body;
  EXPECT_EQ(seen.total(), kRequests);
  EXPECT_GT(seen.answers[8], 0);  // Some were refused.
  EXPECT_EQ(Sample(text, Series("OK")), seen.answers[0]);
  EXPECT_EQ(Sample(text, Series("ResourceExhausted")), seen.answers[8]);
  EXPECT_EQ(Sample(text, "mdn_rejected_total{reason=\"too_many_calls\"}"), seen.answers[8]);
  EXPECT_EQ(Sample(text, std::string("grpc_server_started_total{") + kPredict + "}"), kRequests);
  EXPECT_EQ(Sample(text, std::string("grpc_server_handling_seconds_count{") + kPredict + "}"),
            kRequests);
  EXPECT_EQ(Sample(text, "mdn_rows_total{model=\"ex_1d\",version=\"1\",rpc=\"Predict\"}"),
            seen.answers[0]);
  EXPECT_EQ(Sample(text, "mdn_queue_wait_seconds_count{model=\"ex_1d\",version=\"1\"}"),
            seen.answers[0]);
  // A call leaves after its caller has the answer.
  EXPECT_TRUE(
      Await([&] { return Sample(server.Get("/metrics").body, "mdn_inflight_requests") == 0; }));
}

TEST(MonitoringTest, PrometheusAcceptsTheMetrics) {
  if (std::string(MDN_PROMTOOL).empty()) {
    GTEST_SKIP() << "promtool is not installed: it is in Debian's package prometheus";
  }
  MonitoredServer server;
  Load(server.process().address(), 100);
  const TemporaryDirectory directory;
  const std::string file = directory.Write("metrics", server.Get("/metrics").body);
  FILE* const promtool =
      popen((std::string(MDN_PROMTOOL) + " check metrics <" + file + " 2>&1").c_str(), "r");
  ASSERT_NE(promtool, nullptr);
  std::string output;
  for (int c = 0; (c = std::fgetc(promtool)) != EOF;) output += static_cast<char>(c);
  EXPECT_EQ(pclose(promtool), 0) << output;
  EXPECT_EQ(output, "");
}

TEST(MonitoringTest, NamesOfModelsThatDoNotExistMakeNoSeries) {
  MonitoredServer server;
  const auto stub = v1::MdnService::NewStub(ConnectedChannel(server.process().address()));
  const auto ask = [&stub](const std::string& model) {
    grpc::ClientContext context;
    v1::PredictRequest request;
    request.mutable_model()->set_name(model);
    v1::PredictResponse response;
    EXPECT_EQ(stub->Predict(&context, request, &response).error_code(),
              grpc::StatusCode::NOT_FOUND);
  };
  const auto series = [&server] {
    const std::string text = server.Get("/metrics").body;
    EXPECT_THAT(text, Not(HasSubstr("nobody")));
    return std::count(text.begin(), text.end(), '\n');
  };
  ask("nobody");
  const auto before = series();
  constexpr int kNames = 10'000;
  for (int i = 1; i < kNames; ++i) ask("nobody" + std::to_string(i));
  EXPECT_EQ(series(), before);
  EXPECT_LE(before, 2000);
  EXPECT_EQ(Sample(server.Get("/metrics").body, Series("NotFound")), kNames);
}

TEST(MonitoringTest, TellsOfTheModelTheBuildAndTheProcess) {
  MonitoredServer server;
  const std::string text = server.Get("/metrics").body;
  EXPECT_THAT(text, HasSubstr("mdn_model_info{model=\"ex_1d\",version=\"1\",sha256=\"f7733b28"));
  EXPECT_THAT(text, HasSubstr("\nmdn_build_info{version=\""));
  EXPECT_EQ(Sample(text, "mdn_ready"), 1);
  EXPECT_EQ(Sample(text, "mdn_reload_total{result=\"success\"}"), 1);
  EXPECT_GT(Sample(text, "process_resident_memory_bytes"), 0);
}

TEST(MonitoringTest, IsReadyUntilTheServerTurnsCallersAway) {
  MonitoredServer server({"--lame_duck=1h"});
  EXPECT_EQ(server.Get("/healthz").status, 200);
  EXPECT_EQ(server.Get("/readyz").status, 200);
  server.process().Signal(SIGTERM);
  EXPECT_TRUE(Await([&] { return server.Get("/readyz").status != 200; }));
  EXPECT_EQ(server.Get("/readyz").status, 503);
  EXPECT_EQ(server.Get("/healthz").status, 200);
  EXPECT_EQ(server.Get("/metrics").status, 200);
}

TEST(MonitoringTest, AnAddressThatIsTakenEndsTheStart) {
  MonitoredServer server;
  ChildProcess second({MDN_SERVER_PROGRAM, "--model=" MDN_TEST_DATA "/ex_1d.pt",
                       "--listen=127.0.0.1:0", "--metrics_listen=" + server.monitoring()});
  EXPECT_EQ(second.Wait(), 69);
  EXPECT_THAT(second.errors(),
              HasSubstr("cannot listen on " + server.monitoring() + ": Address already in use"));
}

TEST(MonitoringTest, IsOffUnlessAskedFor) {
  ServerProcess server("ex_1d.pt");
  server.Signal(SIGINT);
  EXPECT_EQ(server.ReadLine(), "");
  EXPECT_EQ(server.Wait(), 0);
}

}  // namespace
}  // namespace mdn

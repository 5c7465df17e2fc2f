#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "tests/client/tool_runner.h"
#include "tests/support/fake_service.h"

namespace mdn {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

/// The headings and a line for each level. Whether the load generator was the limit, which a note
/// says, depends on what else the machine does.
std::vector<std::string> Records(absl::string_view table) {
  return absl::StrSplit(table, '\n', [](absl::string_view line) {
    return !line.empty() && !absl::StartsWith(line, "  the load generator was the limit: ");
  });
}

class ToolBenchTest : public testing::Test {
 protected:
  /// A bench of 20 requests, without warm-up.
  ToolResult Bench(std::vector<std::string> flags) {
    flags.insert(flags.begin(), {"bench", server_, "--requests=20", "--warmup=0s"});
    return RunTool(flags);
  }

  FakeService service_;
  const std::string server_ = absl::StrCat("--server=", service_.address());
};

TEST_F(ToolBenchTest, PrintsALineForEachLevel) {
  const ToolResult result = Bench({"--concurrency=1,4"});

  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.err, "");
  const std::vector<std::string> lines = Records(result.out);
  ASSERT_EQ(lines.size(), 3);
  EXPECT_THAT(lines[0], AllOf(HasSubstr("concurrency"), HasSubstr("answered/s"),
                              HasSubstr("p99.9_us"), Not(HasSubstr("server_us"))));
  EXPECT_THAT(lines[1], StartsWith("           1  "));
  EXPECT_THAT(lines[2], StartsWith("           4  "));
  EXPECT_EQ(service_.predictions().size(), 40);
}

TEST_F(ToolBenchTest, DrivesEveryRpcWithTheModelsDimensions) {
  Bench({"--concurrency=2", "--rpc=predict", "--rows=3"});
  Bench({"--concurrency=2", "--rpc=sample", "--num_samples=5"});
  Bench({"--concurrency=2", "--rpc=log-likelihood"});

  ASSERT_EQ(service_.predictions().size(), 20);
  EXPECT_THAT(service_.predictions()[0].x().shape(), testing::ElementsAre(3, 2));
  EXPECT_EQ(service_.predictions()[0].model().name(), "fake");
  ASSERT_EQ(service_.samples().size(), 20);
  EXPECT_EQ(service_.samples()[0].num_samples(), 5);
  ASSERT_EQ(service_.log_likelihoods().size(), 20);
  EXPECT_THAT(service_.log_likelihoods()[0].y().shape(), testing::ElementsAre(1, 1));
}

TEST_F(ToolBenchTest, PrintsJsonForPrograms) {
  const ToolResult result = Bench({"--rate=10000", "--format=json", "--connections=2", "--awake"});

  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.out,
              AllOf(StartsWith("{\"rpc\":\"predict\""), HasSubstr("\"rate\":10000,"),
                    HasSubstr("\"connections\":2,"), HasSubstr("\"stream\":false,"),
                    HasSubstr("\"awake\":true,"), HasSubstr("\"answers\":20,"),
                    HasSubstr("\"p99.9\":"), HasSubstr("\"errors\":{},"),
                    HasSubstr("\"generator\":{\"load\":"), Not(HasSubstr("\"server\":"))));
}

TEST_F(ToolBenchTest, TellsWhatARequestCostsAServerOnThisMachine) {
  // The fake service's process, which is this one.
  const std::string pid = absl::StrCat("--server_pid=", getpid());
  const ToolResult json = Bench({"--concurrency=1", "--format=json", pid});
  EXPECT_THAT(json.out, testing::ContainsRegex("\"cpu_us_per_request\":[1-9]"));
  EXPECT_THAT(Bench({"--concurrency=1", pid}).out, HasSubstr("server_us"));

  const ToolResult nobody = Bench({"--concurrency=1", "--server_pid=4194304"});
  EXPECT_EQ(nobody.exit_code, 1);
  EXPECT_EQ(nobody.err, "mdn_client: NOT_FOUND: there is no process 4194304 to look at\n");
}

TEST_F(ToolBenchTest, CountsErrorsByCode) {
  service_.SpareNext(1);  // It asks for the model first.
  service_.FailNext(3, {grpc::StatusCode::RESOURCE_EXHAUSTED, "full"});
  const ToolResult result = Bench({"--concurrency=1", "--format=csv"});

  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.out, HasSubstr(",RESOURCE_EXHAUSTED=3,"));
}

TEST_F(ToolBenchTest, FailsWhereNothingSucceeds) {
  service_.SpareNext(1);  // It asks for the model first.
  service_.FailNext(1000, {grpc::StatusCode::DEADLINE_EXCEEDED, "Deadline Exceeded"});
  const ToolResult result =
      RunTool({"bench", server_, "--requests=4", "--warmup=0s", "--concurrency=4"});

  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.out, HasSubstr("  errors: DEADLINE_EXCEEDED 4\n"));
  EXPECT_EQ(result.err,
            "mdn_client: DEADLINE_EXCEEDED: none of 4 requests succeeded; the first: "
            "Deadline Exceeded\n");
}

TEST_F(ToolBenchTest, QuotesNoMessageWhereTheServerGivesNone) {
  service_.SpareNext(1);  // It asks for the model first.
  service_.FailNext(1000, {grpc::StatusCode::INTERNAL, ""});
  const ToolResult result =
      RunTool({"bench", server_, "--requests=4", "--warmup=0s", "--concurrency=1"});

  EXPECT_EQ(result.exit_code, 1);
  EXPECT_EQ(result.err, "mdn_client: INTERNAL: none of 4 requests succeeded\n");
}

TEST_F(ToolBenchTest, ShowsWhatItHasWhenInterrupted) {
  const std::string pid_file = WriteTestFile("pid", "");
  ToolResult result;
  std::thread run([&] {
    result = RunShell(absl::StrCat("echo $$ > ", pid_file, "; exec \"$TOOL\" bench ", server_,
                                   " --concurrency=1,2,3 --duration=1h --warmup=0s"));
  });
  while (service_.calls() < 100) std::this_thread::yield();
  pid_t pid = 0;
  std::ifstream(pid_file) >> pid;
  ASSERT_EQ(kill(pid, SIGINT), 0);
  run.join();

  EXPECT_EQ(result.exit_code, 0);
  const std::vector<std::string> lines = Records(result.out);
  ASSERT_EQ(lines.size(), 2);
  EXPECT_THAT(lines[1], StartsWith("           1  "));
}

TEST_F(ToolBenchTest, RefusesWrongUsage) {
  const std::vector<std::vector<std::string>> wrong = {
      {"--concurrency=0"},
      {"--rate=0"},
      {"--rate=1", "--concurrency=1"},
      {"--rpc=nonsense"},
      {"--duration=0s"},
      {"--warmup=-1s"},
      {"--rows=0"},
      {"--connections=0"},
      {"--arrivals=constant"},
      {"--awake", "--threads=1024", "--connections=1024"}};
  for (const std::vector<std::string>& flags : wrong) {
    const ToolResult result = Bench(flags);
    EXPECT_EQ(result.exit_code, 64) << testing::PrintToString(flags);
    EXPECT_EQ(result.out, "");
  }
  EXPECT_EQ(service_.calls(), 0);
}

TEST_F(ToolBenchTest, SaysThatNoServerAnswers) {
  const ToolResult result =
      RunTool({"bench", absl::StrCat("--server=unix:", TestPath("no_such_socket"))});

  EXPECT_EQ(result.exit_code, 69);
  EXPECT_THAT(result.err, StartsWith("mdn_client: UNAVAILABLE: "));
}

}  // namespace
}  // namespace mdn

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/client/tool_runner.h"
#include "tests/support/fake_service.h"

namespace mdn {
namespace {

using testing::AllOf;
using testing::HasSubstr;

std::string Nowhere() {
  return absl::StrCat("--server=unix:", testing::TempDir(), "/no_such_socket");
}

class ToolCommandLineTest : public testing::Test {
 protected:
  FakeService service_;
  const std::string server_ = absl::StrCat("--server=", service_.address());
};

TEST_F(ToolCommandLineTest, HelpsWithToolAndCommands) {
  const ToolResult tool = RunTool({"--help"});
  EXPECT_EQ(tool.exit_code, 0);
  EXPECT_THAT(tool.out, AllOf(HasSubstr("log-likelihood"), HasSubstr("--timeout"),
                              HasSubstr("Exit status"), HasSubstr("Examples:")));
  for (const char* command : {"info", "predict", "sample", "log-likelihood", "health"}) {
    const ToolResult result = RunTool({command, "--help"});
    EXPECT_EQ(result.exit_code, 0);
    EXPECT_THAT(result.out, HasSubstr(absl::StrCat("  mdn_client ", command)));
  }
}

TEST_F(ToolCommandLineTest, TellsItsVersion) {
  const ToolResult result = RunTool({"--version"});

  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.out, testing::MatchesRegex("mdn_client [0-9]+\\.[0-9]+\\.[0-9]+\n"));
}

TEST_F(ToolCommandLineTest, TheEnvironmentNamesTheServer) {
  const ToolResult result =
      RunShell(absl::StrCat("MDN_CLIENT_SERVER=", service_.address(), " \"$TOOL\" info"));
  EXPECT_EQ(result.exit_code, 0) << result.err;
}

TEST_F(ToolCommandLineTest, NamesTheFileOfCredentialsThatIsMissing) {
  for (const char* flag : {"--tls_ca", "--token_file"}) {
    const ToolResult result = RunTool({"info", server_, absl::StrCat(flag, "=/no/such/file")});
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_THAT(result.err, HasSubstr("NOT_FOUND: /no/such/file: cannot be read"));
  }
  const ToolResult folder = RunTool({"info", server_, "--tls_ca=/"});
  EXPECT_EQ(folder.err, "mdn_client: NOT_FOUND: /: cannot be read\n");
  const std::string key = WriteTestFile("key.pem", "-----BEGIN PRIVATE KEY-----\n");
  EXPECT_EQ(
      RunTool({"info", server_, "--tls_ca=" + key}).err,
      absl::StrCat("mdn_client: INVALID_ARGUMENT: ", key, ": has no certificate in PEM form\n"));
  const ToolResult result = RunTool({"info", server_, "--tls_cert=/dev/null"});
  EXPECT_THAT(result.err, HasSubstr("a client's certificate needs its key"));
}

TEST_F(ToolCommandLineTest, RefusesWrongUsageInOneLine) {
  const std::vector<std::vector<std::string>> wrong = {
      {},
      {"nonsense"},
      {"info", "health"},
      {"predict"},
      {"predict", "--x=1", "--input=-"},
      {"predict", "--x=1", "--nonsense"},
      {"predict", "--x=1", "--rows_per_request=0"},
      {"predict", "--x=1", "--timeout=5"},
      {"predict", "--x=1", "--timeout=-5s"},
      {"predict", "--x=1", "--format=xml"},
      {"plot", "--x_range=0:1", "--seed=-1"},
      {"sample", "--x=1", "--seed=-1"},
      {"sample", "--x=1", "--seed=18446744073709551616"},
      {"sample", "--x=1", "--num_samples=0"},
  };
  for (const std::vector<std::string>& arguments : wrong) {
    const ToolResult result = RunTool(arguments);
    EXPECT_EQ(result.exit_code, 64) << testing::PrintToString(arguments);
    EXPECT_EQ(result.out, "");
    EXPECT_THAT(result.err, testing::MatchesRegex("mdn_client: [^\n]+\n"));
  }
}

TEST_F(ToolCommandLineTest, TakesNoOtherArgumentForAMissingValue) {
  const ToolResult result = RunTool({"predict", "--x=1,2", "--model=", server_});
  EXPECT_EQ(result.exit_code, 64);
  EXPECT_EQ(result.err, "mdn_client: --model: got nothing after '='; expected a value\n");
}

TEST_F(ToolCommandLineTest, WantsAddressesWithAPort) {
  for (const char* address :
       {"127.0.0.1", "127.0.0.1:99999", "127.0.0.1:0", "localhost:abc", ":50051", "unix:"}) {
    const ToolResult result = RunTool({"info", absl::StrCat("--server=a:1,", address)});
    EXPECT_EQ(result.exit_code, 64);
    EXPECT_EQ(result.err, absl::StrCat("mdn_client: --server: got '", address,
                                       "'; expected HOST:PORT with a port from 1 to 65535, "
                                       "unix:PATH or dns:///HOST:PORT\n"));
  }
}

TEST_F(ToolCommandLineTest, TakesGlobalFlagsOnBothSidesWithUnderscoresOrDashes) {
  for (const char* flag : {"--model_version=3", "--model-version=3"}) {
    RunTool({"--model=fake", "predict", "--x=1,2", flag, server_});
    RunTool({flag, server_, "predict", "--x=1,2", "--model=fake"});
  }

  ASSERT_EQ(service_.predictions().size(), 4);
  for (const v1::PredictRequest& request : service_.predictions()) {
    EXPECT_EQ(request.model().name(), "fake");
    EXPECT_EQ(request.model().version(), 3);
  }
}

TEST_F(ToolCommandLineTest, NamesAVersionByItsLabel) {
  RunTool({"predict", "--x=1,2", "--model_label=stable", server_});
  ASSERT_EQ(service_.predictions().size(), 1);
  EXPECT_EQ(service_.predictions().front().model().label(), "stable");
}

TEST_F(ToolCommandLineTest, TakesSeveralServers) {
  EXPECT_EQ(RunTool({"info", Nowhere(), server_}).exit_code, 0);
  EXPECT_EQ(RunTool({"info", absl::StrCat(Nowhere(), ",", service_.address())}).exit_code, 0);
}

TEST_F(ToolCommandLineTest, PrintsTheServersMessage) {
  const ToolResult bad_data = RunTool({"predict", "--x=1", server_});
  EXPECT_EQ(bad_data.exit_code, 65);
  EXPECT_EQ(bad_data.err,
            "mdn_client: INVALID_ARGUMENT: x has the shape [1, 1], expected [*, 2]\n");

  const ToolResult no_model = RunTool({"info", "--model=other", server_});
  EXPECT_EQ(no_model.exit_code, 1);
  EXPECT_EQ(no_model.err, "mdn_client: NOT_FOUND: no model \"other\"\n");
  EXPECT_THAT(no_model.out, HasSubstr("fake"));
}

TEST_F(ToolCommandLineTest, KeepsTheServersMessageOnOneLine) {
  service_.FailNext(1, {grpc::StatusCode::INTERNAL, "first\nsecond"});

  EXPECT_EQ(RunTool({"info", server_}).err, "mdn_client: INTERNAL: first second\n");
}

TEST_F(ToolCommandLineTest, SaysThatNoServerAnswers) {
  const ToolResult result = RunTool({"predict", "--x=1", Nowhere()});

  EXPECT_EQ(result.exit_code, 69);
  EXPECT_THAT(result.err, testing::StartsWith("mdn_client: UNAVAILABLE: "));
}

TEST_F(ToolCommandLineTest, GivesUpAtTheTimeout) {
  service_.HoldCalls();

  const ToolResult result = RunTool({"info", server_, "--timeout=50ms"});

  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, testing::StartsWith("mdn_client: DEADLINE_EXCEEDED: "));
}

TEST_F(ToolCommandLineTest, HealthExitsWithOneUnlessServing) {
  EXPECT_EQ(RunTool({"health", server_}).exit_code, 0);
  EXPECT_EQ(RunTool({"health", server_, "--service=unknown"}).exit_code, 1);
  EXPECT_EQ(RunTool({"health", Nowhere()}).exit_code, 1);

  service_.SetHealth(grpc::health::v1::HealthCheckResponse::NOT_SERVING);
  const ToolResult result = RunTool({"health", server_});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_EQ(result.out, "NOT_SERVING\n");
}

TEST_F(ToolCommandLineTest, EndsInSilenceWhenNobodyReads) {
  const ToolResult result = RunShell(absl::StrCat(
      "yes 1,2 | head -n 100000 | \"$TOOL\" predict --input=- ", server_, " | head -n 2"));

  EXPECT_EQ(result.out,
            "      row  component            pi            mu         sigma\n"
            "        0          0           0.5             3           0.5\n");
  EXPECT_EQ(result.err, "");
}

TEST_F(ToolCommandLineTest, SaysThatTheOutputCannotBeWritten) {
  const ToolResult result = RunShell(absl::StrCat("\"$TOOL\" info ", server_, " > /dev/full"));

  EXPECT_EQ(result.exit_code, 1);
  EXPECT_EQ(result.err,
            "mdn_client: DATA_LOSS: cannot write the output: No space left on device\n");
}

}  // namespace
}  // namespace mdn

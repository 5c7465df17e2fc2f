#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/client/tool_runner.h"
#include "tests/support/fake_service.h"

namespace mdn {
namespace {

using testing::AllOf;
using testing::HasSubstr;

std::string Nowhere() { return absl::StrCat("--server=unix:", TestPath("no_such_socket")); }

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

TEST_F(ToolCommandLineTest, TheEnvironmentNamesSeveralServers) {
  const ToolResult result =
      RunShell(absl::StrCat("MDN_CLIENT_SERVER=", service_.address(),
                            ",unix:", TestPath("no_such_socket"), " \"$TOOL\" info"));
  EXPECT_EQ(result.exit_code, 0) << result.err;
}

TEST_F(ToolCommandLineTest, RefusesAnAddressOfTheEnvironmentAsOneOfTheFlag) {
  const ToolResult result = RunShell("MDN_CLIENT_SERVER=myhost \"$TOOL\" info");
  EXPECT_EQ(result.exit_code, 64);
  EXPECT_THAT(result.err, testing::StartsWith(
                              "mdn_client: --server or MDN_CLIENT_SERVER: got 'myhost'; expected"));
}

TEST_F(ToolCommandLineTest, NamesTheFileOfCredentialsThatIsMissing) {
  for (const char* flag : {"tls_ca", "token_file"}) {
    const ToolResult result =
        RunTool({"info", server_, absl::StrCat("--", flag, "=/no/such/file")});
    EXPECT_EQ(result.exit_code, 64);
    EXPECT_EQ(result.err, absl::StrCat("mdn_client: NOT_FOUND: ", flag,
                                       ": /no/such/file: cannot be read: No such file or "
                                       "directory\n"));
  }
}

TEST_F(ToolCommandLineTest, RefusesCredentialsThatAreNoRegularFile) {
  const std::string pipe = TestPath("pipe");
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  for (const char* flag : {"tls_ca", "token_file"}) {
    for (const std::string& path : {std::string("/"), pipe}) {
      const ToolResult result = RunTool({"health", server_, absl::StrCat("--", flag, "=", path)});
      EXPECT_EQ(result.exit_code, 64);
      EXPECT_EQ(result.err, absl::StrCat("mdn_client: INVALID_ARGUMENT: ", flag, ": ", path,
                                         ": is no regular file\n"));
    }
  }
  const ToolResult piped =
      RunShell(absl::StrCat("echo | \"$TOOL\" info --tls_ca=/dev/stdin ", server_));
  EXPECT_EQ(piped.exit_code, 64);
  EXPECT_EQ(piped.err, "mdn_client: INVALID_ARGUMENT: tls_ca: /dev/stdin: is no regular file\n");
}

TEST_F(ToolCommandLineTest, RefusesPemFilesThatHoldSomethingElse) {
  const std::string key = WriteTestFile("key.pem", "-----BEGIN PRIVATE KEY-----\n");
  const std::string certificate = WriteTestFile("cert.pem", "-----BEGIN CERTIFICATE-----\n");
  const auto refusal = [&](const std::vector<std::string>& flags) {
    std::vector<std::string> arguments = {"info", server_};
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    const ToolResult result = RunTool(arguments);
    EXPECT_EQ(result.exit_code, 64);
    return result.err;
  };
  constexpr char kRefused[] = "mdn_client: INVALID_ARGUMENT: ";
  EXPECT_EQ(refusal({"--tls_ca=" + key}),
            absl::StrCat(kRefused, "tls_ca: ", key, ": has no certificate in PEM form\n"));
  EXPECT_EQ(refusal({"--tls_cert=" + key, "--tls_key=" + key}),
            absl::StrCat(kRefused, "tls_cert: ", key, ": has no certificate in PEM form\n"));
  EXPECT_EQ(refusal({"--tls_cert=" + certificate, "--tls_key=" + certificate}),
            absl::StrCat(kRefused, "tls_key: ", certificate, ": has no private key in PEM form\n"));
  EXPECT_EQ(
      refusal({"--tls_cert=" + certificate}),
      absl::StrCat(kRefused, "a client's certificate needs its key, and a key its certificate\n"));
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
      {"sample", "--x=1", "--num_samples=0"},
  };
  for (const std::vector<std::string>& arguments : wrong) {
    const ToolResult result = RunTool(arguments);
    EXPECT_EQ(result.exit_code, 64) << testing::PrintToString(arguments);
    EXPECT_EQ(result.out, "");
    EXPECT_THAT(result.err, testing::MatchesRegex("mdn_client: [^\n]+\n"));
  }
}

TEST_F(ToolCommandLineTest, RefusesSeedsThatDoNotFit) {
  for (const std::vector<std::string>& command :
       {std::vector<std::string>{"sample", "--x=1"}, {"plot", "--x_range=0:1"}}) {
    for (const char* seed : {"-1", "18446744073709551616", "one"}) {
      std::vector<std::string> arguments = command;
      arguments.push_back(absl::StrCat("--seed=", seed));
      const ToolResult result = RunTool(arguments);
      EXPECT_EQ(result.exit_code, 64);
      EXPECT_EQ(result.err,
                absl::StrCat("mdn_client: --seed: \"", seed, "\" is not 0 to 2^64 - 1\n"));
    }
  }
}

TEST_F(ToolCommandLineTest, TakesNoOtherArgumentForAMissingValue) {
  const ToolResult result = RunTool({"predict", "--x=1,2", "--model=", server_});
  EXPECT_EQ(result.exit_code, 64);
  EXPECT_EQ(
      result.err,
      "mdn_client: --model: got nothing after '='; expected a value, or leave the flag away\n");
}

TEST_F(ToolCommandLineTest, ChecksEachAddress) {
  const ToolResult result = RunTool({"info", "--server=a:1,localhost"});
  EXPECT_EQ(result.exit_code, 64);
  EXPECT_EQ(result.err,
            "mdn_client: --server or MDN_CLIENT_SERVER: got 'localhost'; expected HOST:PORT or "
            "[IPV6]:PORT with a port from 1 to 65535, unix:PATH or dns:///HOST:PORT\n");
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

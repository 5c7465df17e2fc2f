#include <gmock/gmock.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <cstdlib>
#include <string>
#include <vector>

#include "mdn/v1/mdn.grpc.pb.h"
#include "tests/support/child_process.h"
#include "tests/support/connected_channel.h"
#include "tests/support/temporary_directory.h"

namespace mdn {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

/// An mdn_server that ends by itself.
struct Ended {
  int code;
  std::string output;
  std::string errors;
};

Ended RunServer(std::vector<std::string> flags) {
  flags.insert(flags.begin(), MDN_SERVER_PROGRAM);
  ChildProcess process(flags);
  std::string output;
  for (std::string line; !(line = process.ReadLine()).empty();) output += line + "\n";
  const int code = process.Wait();
  return {code, output, process.errors()};
}

std::string Data(const std::string& file) { return std::string(MDN_TEST_DATA "/") + file; }

/// A unary call whose request never comes.
class StalledCall {
 public:
  explicit StalledCall(const std::string& address) : stub_(ConnectedChannel(address)) {
    call_ = stub_.PrepareCall(&context_, "/mdn.v1.MdnService/Predict", &queue_);
    call_->StartCall(this);
    void* tag = nullptr;
    bool ok = false;
    queue_.Next(&tag, &ok);
    EXPECT_TRUE(ok);
  }
  ~StalledCall() {
    grpc::Status status;
    context_.TryCancel();
    call_->Finish(&status, this);
    queue_.Shutdown();
    void* tag = nullptr;
    bool ok = false;
    while (queue_.Next(&tag, &ok)) {
    }
  }

 private:
  grpc::CompletionQueue queue_;
  grpc::GenericStub stub_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> call_;
};

TEST(ProgramTest, WrongUsageEndsWith64AndOneLine) {
  Ended ended = RunServer({"--modle=x"});
  EXPECT_EQ(ended.code, 64);
  EXPECT_EQ(ended.errors, "mdn_server: there is no flag --modle; did you mean --model?\n");
  ended = RunServer({});
  EXPECT_EQ(ended.code, 64);
  EXPECT_EQ(ended.errors,
            "mdn_server: --model is missing; expected the checkpoint to serve, or "
            "--model_repository\n");
  ended = RunServer({"model.pt"});
  EXPECT_EQ(ended.code, 64);
  EXPECT_THAT(ended.errors, HasSubstr("cannot use the argument 'model.pt'"));
}

TEST(ProgramTest, HelpAndVersionGoToStandardOutput) {
  Ended ended = RunServer({"--help"});
  EXPECT_EQ(ended.code, 0);
  EXPECT_EQ(ended.errors, "");
  EXPECT_THAT(ended.output, HasSubstr("mdn_server serves a mixture density network"));
  ended = RunServer({"--version"});
  EXPECT_EQ(ended.code, 0);
  EXPECT_THAT(ended.output, StartsWith("mdn_server "));
}

TEST(ProgramTest, AMissingFileEndsWith66) {
  const Ended ended = RunServer({"--model=" + Data("none.pt")});
  EXPECT_EQ(ended.code, 66);
  EXPECT_THAT(ended.errors, HasSubstr("none.pt"));
}

TEST(ProgramTest, ABadFileEndsWith65AndNamesTheTensor) {
  const Ended ended =
      RunServer({"--model=" + Data("small_bad_missing_key.pt"), "--noise_type=diagonal"});
  EXPECT_EQ(ended.code, 65);
  EXPECT_THAT(ended.errors, HasSubstr("normal_network.2.bias"));
  EXPECT_EQ(ended.output, "");
}

TEST(ProgramTest, TakesSettingsFromAFileAndShowsWhereTheyComeFrom) {
  const TemporaryDirectory directory;
  const std::string path =
      directory.Write("config", R"({"threads": 3, "drain_timeout": "7s"}  // For this machine.)");
  const Ended ended = RunServer({"--config=" + path, "--threads=2", "--model=m", "--print_config"});
  EXPECT_EQ(ended.code, 0);
  EXPECT_THAT(ended.output, HasSubstr("\"drain_timeout\": \"7s\",  // drain_timeout in " + path));
  EXPECT_THAT(ended.output, HasSubstr("\"threads\": 2,  // --threads\n"));
}

TEST(ProgramTest, RefusesAnUnknownVariable) {
  setenv("MDN_THREDS", "2", 1);
  const Ended ended = RunServer({"--model=" + Data("ex_1d.pt")});
  unsetenv("MDN_THREDS");
  EXPECT_EQ(ended.code, 64);
  EXPECT_THAT(ended.errors, HasSubstr("MDN_THREDS of the environment; did you mean MDN_THREADS?"));
}

TEST(ProgramTest, AnAmbiguousFileListsWhatItCanMean) {
  const Ended ended = RunServer({"--model=" + Data("small_float64.pt")});
  EXPECT_EQ(ended.code, 65);
  EXPECT_THAT(ended.errors, HasSubstr("--noise_type"));
}

TEST(ProgramTest, ATakenPortEndsWith69) {
  const ServerProcess first("ex_1d.pt");
  const Ended ended = RunServer({"--model=" + Data("ex_1d.pt"), "--listen=" + first.address()});
  EXPECT_EQ(ended.code, 69);
  EXPECT_THAT(ended.errors,
              HasSubstr("cannot listen on " + first.address() + ": Address already in use"));
}

TEST(ProgramTest, ATakenUnixSocketIsNotStolen) {
  const TemporaryDirectory directory;
  const std::string path = directory.Path("socket");
  {
    const ServerProcess first("ex_1d.pt", {"--listen=unix:" + path});
    EXPECT_EQ(first.address(), "unix:" + path);
    const Ended ended = RunServer({"--model=" + Data("ex_1d.pt"), "--listen=unix:" + path});
    EXPECT_EQ(ended.code, 69);
    EXPECT_THAT(ended.errors, HasSubstr("another process serves it"));
  }
  {  // What a killed server left behind is no hindrance.
    const ServerProcess second("ex_1d.pt", {"--listen=unix:" + path});
  }
}

TEST(ProgramTest, ServersShareAPortIfTheyAreAllToldTo) {
  ServerProcess first("ex_1d.pt", {"--reuse_port"});
  const ServerProcess second("ex_1d.pt", {"--reuse_port", "--listen=" + first.address()});
  EXPECT_EQ(second.address(), first.address());
  const Ended alone = RunServer({"--model=" + Data("ex_1d.pt"), "--listen=" + first.address()});
  EXPECT_EQ(alone.code, 69);
  EXPECT_THAT(alone.errors, HasSubstr("Address already in use"));
  first.Signal(SIGTERM);
  EXPECT_EQ(first.Wait(), 0);
  EXPECT_EQ(ConnectedChannel(second.address())->GetState(false), GRPC_CHANNEL_READY);
}

TEST(ProgramTest, PrintsOneLineForEachAddress) {
  ServerProcess server("ex_1d.pt", {"--listen=127.0.0.1:0,localhost:0"});
  EXPECT_THAT(server.address(), StartsWith("127.0.0.1:"));
  EXPECT_THAT(server.ReadLine(), StartsWith("listening on localhost:"));
  server.Signal(SIGTERM);
  EXPECT_EQ(server.ReadLine(), "");
  EXPECT_EQ(server.Wait(), 0);
}

TEST(ProgramTest, BothSignalsEndAnIdleServerWithZero) {
  for (const int signal : {SIGTERM, SIGINT}) {
    ServerProcess server("ex_1d.pt");
    server.Signal(signal);
    EXPECT_EQ(server.Wait(), 0);
  }
}

TEST(ProgramTest, SignalsThatMeanNothingToItEndNothing) {
  ServerProcess server("ex_1d.pt");
  server.Signal(SIGHUP);
  server.Signal(SIGPIPE);
  server.Signal(SIGTERM);
  EXPECT_EQ(server.Wait(), 0);
}

TEST(ProgramTest, ACallThatNeverComesHoldsTheDrainToItsTimeoutOnly) {
  ServerProcess server("ex_1d.pt", {"--drain_timeout=500ms"});
  const StalledCall stalled(server.address());
  server.Signal(SIGTERM);
  EXPECT_EQ(server.Wait(), 0);
}

}  // namespace
}  // namespace mdn

// What may go wrong around a server that serves a directory of models: with its files, its clock,
// and signals that come at any time.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "tests/integration/repository_server.h"
#include "tests/support/await.h"
#include "tests/support/from_environment.h"
#include "tests/support/scrape.h"

// Longer runs: TEST_TRUNCATIONS=100 TEST_SIGNALS=100 repository_fault_test

namespace mdn {
namespace {

namespace fs = std::filesystem;

using grpc::health::v1::HealthCheckResponse;
using std::chrono::milliseconds;
using std::chrono::steady_clock;
using ::testing::AnyOf;
using ::testing::HasSubstr;

/// A variable of the programs that are started while this lives.
class Variable {
 public:
  Variable(const char* name, const std::string& value) : name_(name) {
    setenv(name, value.c_str(), 1);
  }
  ~Variable() { unsetenv(name_); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* const name_;
};

class RepositoryFaultTest : public testing::Test {
 protected:
  void Publish(int64_t version) const {
    repository_.Publish("wind", version, RepositoryOnDisk::Network(version));
  }
  std::string Path(const std::string& entry) const { return repository_.path() + "/" + entry; }

  RepositoryOnDisk repository_;
};

/// A server whose files fail as the test says.
class FailingFilesTest : public RepositoryFaultTest {
 protected:
  std::unique_ptr<RepositoryServer> Start() const {
    const Variable library("LD_PRELOAD", MDN_FAILING_FILES);
    const Variable control("FAILING_FILES", control_);
    return std::make_unique<RepositoryServer>(
        repository_,
        std::vector<std::string>{"--repository_settle=0s", "--repository_poll_interval=50ms"});
  }
  void Fail(int error, const std::string& path) const {
    aside_.Replace("failing", std::to_string(error) + " " + path);
  }
  void Mend() const { aside_.Remove("failing"); }

  TemporaryDirectory aside_;
  const std::string control_ = aside_.Path("failing");
};

TEST_F(FailingFilesTest, ServesOnWhenAVersionCannotBeRead) {
  Publish(1);
  const auto server = Start();
  ASSERT_TRUE(server->AwaitVersion(1));
  int64_t version = 1;
  for (const auto& [error, reason] :
       {std::pair(EIO, "Input/output error"), std::pair(EACCES, "Permission denied"),
        std::pair(EMFILE, "Too many open files")}) {
    ++version;
    Fail(error, "wind/" + std::to_string(version) + "/model.safetensors");
    Publish(version);
    EXPECT_THAT(server->AwaitState("wind", version, v1::MODEL_STATE_FAILED), HasSubstr(reason));
    EXPECT_EQ(server->VersionThatAnswers(), version - 1);
    EXPECT_EQ(server->Health(""), HealthCheckResponse::SERVING);
    Mend();
    server->process().Signal(SIGHUP);  // The files have not changed.
    EXPECT_TRUE(server->AwaitVersion(version)) << reason;
  }
}

TEST_F(FailingFilesTest, ServesOnWhenTheRepositoryCannotBeRead) {
  Publish(1);
  const auto server = Start();
  ASSERT_TRUE(server->AwaitVersion(1));
  for (const auto& [error, reason] :
       {std::pair(EIO, "Input/output error"), std::pair(EACCES, "Permission denied"),
        std::pair(EMFILE, "Too many open files")}) {
    Fail(error, repository_.path());
    const std::string problem = std::string("cannot be read: ") + reason;
    EXPECT_TRUE(Await([&] { return server->Index().problem() == problem; })) << reason;
    EXPECT_EQ(server->VersionThatAnswers(), 1);
    EXPECT_EQ(server->Health(""), HealthCheckResponse::SERVING);
    Mend();
    EXPECT_TRUE(Await([&] { return server->Index().problem().empty(); }));
  }
}

TEST_F(RepositoryFaultTest, AFileThatIsCutShortInPlaceHarmsNothing) {
  Publish(1);
  RepositoryServer server(repository_,
                          {"--repository_settle=0s", "--repository_poll_interval=20ms"});
  ASSERT_TRUE(server.AwaitVersion(1));
  const Answers answers(server.stub());
  const auto reason_of = [&server](int64_t version) {
    const v1::IndexResponse index = server.Index();
    for (const v1::ModelVersion& entry : index.models()) {
      if (entry.model().version() == version) return entry.reason();
    }
    return std::string();
  };
  std::mt19937 random(1);
  int loaded = 0;
  const int tries = FromEnvironment("TEST_TRUNCATIONS", 20);
  for (int64_t version = 2; version < 2 + tries; ++version) {
    // The same network in each; some are cut before they are read, some while, some after.
    repository_.Publish("wind", version, RepositoryOnDisk::Network(1));
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 40000));
    const std::string place = "wind/" + std::to_string(version);
    ASSERT_EQ(truncate(Path(place + "/model.safetensors").c_str(), random() % 1000), 0);
    EXPECT_TRUE(
        Await([&] { return reason_of(version).find("model.safetensors") != std::string::npos; }));
    const Answers::Answer answer = Answers::Ask(server.stub(), 0);
    EXPECT_TRUE(answer.status.ok()) << answer.status.error_message();
    EXPECT_TRUE(answers.Fits(0, answer.bytes));
    loaded += answer.version == version ? 1 : 0;
    repository_.Remove("wind", version);
    EXPECT_TRUE(server.AwaitVersion(1));
  }
  std::cout << "           " << tries << " files cut, " << loaded
            << " of them after they were read\n";
}

TEST_F(RepositoryFaultTest, KeepsTheLastVersionWhateverBecomesOfItsDirectory) {
  Publish(1);
  Publish(2);
  RepositoryServer server(repository_, {"--repository_settle=0s"});
  ASSERT_TRUE(server.AwaitVersion(2));

  fs::remove(Path("wind/2/model.safetensors"));  // Emptied.
  EXPECT_TRUE(Await([&] {
    return server.AwaitState("wind", 2, v1::MODEL_STATE_READY).find("holds no model.safetensors") !=
           std::string::npos;
  }));
  EXPECT_EQ(server.VersionThatAnswers(), 2);

  repository_.Write("wind/2/model.safetensors", RepositoryOnDisk::Network(2));
  fs::rename(Path("wind/2"), Path("wind/3"));
  EXPECT_TRUE(server.AwaitVersion(3));

  fs::create_directory_symlink("nothing", Path("wind/4"));
  fs::create_directory_symlink("3", Path("wind/03"));
  fs::create_directory_symlink("3", Path("wind/5"));  // The same files as another version.
  EXPECT_TRUE(server.AwaitVersion(5));
  EXPECT_TRUE(Await([&] {  // When 2 has gone.
    const v1::IndexResponse index = server.Index();
    std::set<int64_t> versions;
    for (const v1::ModelVersion& entry : index.models()) versions.insert(entry.model().version());
    return versions == std::set<int64_t>{1, 3, 5};
  })) << server.Index().DebugString();

  // The one that is served last: else an older one, if it is still there, takes its place.
  for (const char* const entry : {"1", "03", "4", "3", "5"}) {
    fs::remove_all(Path("wind/" + std::string(entry)));
  }
  EXPECT_TRUE(Await([&] {
    return server.AwaitState("wind", 5, v1::MODEL_STATE_READY) ==
           "its files are gone; it is served from memory";
  })) << server.Index().DebugString();
  fs::remove_all(Path("wind"));
  Publish(6);
  EXPECT_TRUE(server.AwaitVersion(6));
}

TEST_F(RepositoryFaultTest, AClockThatJumpsExpiresNothing) {
  if (std::string(MDN_FAKETIME).empty()) {
    GTEST_SKIP() << "libfaketime is not installed: it is in Debian's package faketime";
  }
  Publish(1);
  const TemporaryDirectory clock;
  const auto set = [&clock](const std::string& offset) {
    clock.Write("next", offset + "\n");
    clock.Rename("next", "offset");
  };
  set("+0");
  std::unique_ptr<RepositoryServer> server;
  {
    const Variable library("LD_PRELOAD", MDN_FAKETIME);
    const Variable offset("FAKETIME_TIMESTAMP_FILE", clock.path() + "/offset");
    const Variable cache("FAKETIME_NO_CACHE", "1");
    const Variable monotonic("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    server = std::make_unique<RepositoryServer>(repository_,
                                                std::vector<std::string>{"--repository_settle=0s"});
  }
  ASSERT_TRUE(server->AwaitVersion(1));
  std::atomic<bool> stopped{false};
  std::atomic<int> answered{0};
  std::vector<std::thread> callers;
  for (int i = 0; i < 4; ++i) {
    callers.emplace_back([&, stub = server->NewStub()] {
      for (int kind = 0; !stopped; ++kind) {
        const grpc::Status status = Answers::Ask(*stub, kind % Answers::kKinds).status;
        EXPECT_TRUE(status.ok()) << status.error_message();
        ++answered;
      }
    });
  }
  int64_t version = 1;
  for (const char* const offset : {"+1h", "-1h", "+30d", "+0"}) {
    set(offset);
    const int until = answered + 200;
    EXPECT_TRUE(Await([&] { return answered >= until; }));
    // The repository is still looked at.
    Publish(++version);
    EXPECT_TRUE(server->AwaitVersion(version)) << offset;
  }
  stopped = true;
  for (std::thread& caller : callers) caller.join();
  grpc::ClientContext context;
  v1::ModelInfo info;
  EXPECT_TRUE(server->stub().GetModel(&context, {}, &info).ok());
}

TEST_F(RepositoryFaultTest, SignalsEndItAtAnyTime) {
  Publish(1);
  std::mt19937 random(1);
  const int tries = FromEnvironment("TEST_SIGNALS", 10);
  steady_clock::duration longest{0};
  for (int i = 0; i < tries; ++i) {
    ChildProcess starting({MDN_SERVER_PROGRAM, "--model_repository=" + repository_.path(),
                           "--listen=127.0.0.1:0", "--lame_duck=0"});
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 40000));
    const steady_clock::time_point begin = steady_clock::now();
    starting.Signal(SIGTERM);
    if (i % 2 == 0) starting.Signal(SIGTERM);
    // Before it has begun to serve, or at a second signal, it ends at once.
    EXPECT_THAT(starting.Wait(), AnyOf(0, 128 + SIGTERM, -SIGTERM));
    longest = std::max(longest, steady_clock::now() - begin);
  }
  int64_t version = 1;
  for (int i = 0; i < tries; ++i) {
    RepositoryServer server(repository_, {"--repository_settle=0s"});
    ASSERT_TRUE(server.AwaitVersion(version));
    Publish(++version);
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 10000));
    const steady_clock::time_point begin = steady_clock::now();
    if (i % 2 == 0) server.process().Signal(SIGHUP);
    server.process().Signal(SIGTERM);
    EXPECT_EQ(server.process().Wait(), 0);
    longest = std::max(longest, steady_clock::now() - begin);
  }
  std::cout << "           " << 2 * tries << " ends, the longest took "
            << std::chrono::duration_cast<milliseconds>(longest).count() << " ms\n";
  EXPECT_LT(longest, std::chrono::seconds(20));
}

/// What a server's probes say.
class ReadinessTest : public RepositoryFaultTest {
 protected:
  void Start(std::vector<std::string> flags) {
    flags.emplace_back("--metrics_listen=127.0.0.1:0");
    server_ = std::make_unique<RepositoryServer>(repository_, flags);
    const std::string line = server_->process().ReadLine();
    monitoring_ = line.substr(line.rfind(' ') + 1);
  }
  /// Expects that the HTTP and the gRPC probes agree, and that the process is alive whatever it
  /// serves.
  void ExpectReady(bool ready) const {
    EXPECT_EQ(HttpGet(monitoring_, "/readyz").status, ready ? 200 : 503);
    EXPECT_EQ(server_->Health(""),
              ready ? HealthCheckResponse::SERVING : HealthCheckResponse::NOT_SERVING);
    EXPECT_EQ(HttpGet(monitoring_, "/healthz").status, 200);
  }

  std::unique_ptr<RepositoryServer> server_;
  std::string monitoring_;
};

TEST_F(ReadinessTest, NotWithoutAModelNorWhileItSettles) {
  Start({"--repository_settle=1h"});
  ExpectReady(false);
  Publish(1);
  server_->AwaitState("wind", 1, v1::MODEL_STATE_LOADING);
  ExpectReady(false);
  server_->process().Signal(SIGHUP);
  ASSERT_TRUE(server_->AwaitHealth("", HealthCheckResponse::SERVING));
  ExpectReady(true);
}

TEST_F(ReadinessTest, NotWithABadModelButAfterAReloadThatFailed) {
  repository_.Publish("wind", 1, "nothing");
  Start({"--repository_settle=0s", "--strict_readiness"});
  server_->AwaitState("wind", 1, v1::MODEL_STATE_FAILED);
  ExpectReady(false);
  Publish(2);
  ASSERT_TRUE(server_->AwaitHealth("", HealthCheckResponse::SERVING));
  ExpectReady(true);
  repository_.Publish("wind", 3, "nothing");
  server_->AwaitState("wind", 3, v1::MODEL_STATE_FAILED);
  ExpectReady(true);
}

TEST_F(ReadinessTest, NotWhileItLeaves) {
  Publish(1);
  Start({"--lame_duck=1h"});
  ASSERT_TRUE(server_->AwaitHealth("", HealthCheckResponse::SERVING));
  server_->process().Signal(SIGTERM);
  ASSERT_TRUE(server_->AwaitHealth("", HealthCheckResponse::NOT_SERVING));
  EXPECT_EQ(server_->VersionThatAnswers(), 1);
  ExpectReady(false);
}

}  // namespace
}  // namespace mdn

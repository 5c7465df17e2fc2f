// Models that come and go while calls are made: by many administrators at once, during a drain,
// slowly, and with weights that are not what they should be.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <iostream>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/load/generator.h"
#include "client/load/workload.h"
#include "tests/integration/repository_server.h"
#include "tests/support/await.h"
#include "tests/support/from_environment.h"

// Longer runs: TEST_ADMINISTRATORS=32 TEST_ROUNDS=1024 TEST_WRONG_MODELS=50 TEST_HIDDEN=4096
// model_lifecycle_test

namespace mdn {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

/// Threads that do the same over and over, each so many times or until they are stopped, and how
/// often what came of it.
class Crowd {
 public:
  /// `act` gets the number of the thread's turn and returns what came of it; called by all threads.
  Crowd(int threads, int turns, std::function<std::string(int turn)> act) : act_(std::move(act)) {
    for (int i = 0; i < threads; ++i) threads_.emplace_back([this, turns] { Run(turns); });
  }
  ~Crowd() {
    stopped_ = true;
    Join();
  }
  void Stop() { stopped_ = true; }
  /// Returns what came of all turns.
  std::map<std::string, int> Join() {
    for (std::thread& thread : threads_) {
      if (thread.joinable()) thread.join();
    }
    return outcomes_;
  }
  void AwaitTurns(int count) {
    EXPECT_TRUE(Await([&] { return turns_ >= count; }));
  }

 private:
  void Run(int turns) {
    for (int turn = 0; turn < turns && !stopped_; ++turn, ++turns_) {
      const std::string outcome = act_(turn);
      const std::lock_guard<std::mutex> lock(mutex_);
      ++outcomes_[outcome];
    }
  }

  const std::function<std::string(int)> act_;
  std::atomic<bool> stopped_{false};
  std::atomic<int> turns_{0};
  std::mutex mutex_;
  std::map<std::string, int> outcomes_;  // Guarded by mutex_.
  std::vector<std::thread> threads_;
};

constexpr int kForEver = 1'000'000'000;

std::string Outcome(const grpc::Status& status) {
  return status.ok() ? "" : absl::StrCat(status.error_code(), " ", status.error_message());
}

/// What is left after those outcomes that start with one of `expected` are taken away.
std::map<std::string, int> Others(std::map<std::string, int> outcomes,
                                  const std::vector<std::string>& expected) {
  for (auto entry = outcomes.begin(); entry != outcomes.end();) {
    bool known = entry->first.empty();
    for (const std::string& each : expected) known = known || entry->first.rfind(each, 0) == 0;
    entry = known ? outcomes.erase(entry) : std::next(entry);
  }
  return outcomes;
}

class ModelLifecycleTest : public testing::Test {
 protected:
  ModelLifecycleTest() { repository_.Publish("wind", 1, RepositoryOnDisk::Network(1)); }

  RepositoryOnDisk repository_;
};

class AdministrationTest : public ModelLifecycleTest {
 protected:
  AdministrationTest()
      : server_(repository_, {"--repository_mode=explicit", "--allow_administration",
                              "--load_models=wind", "--max_queue_rows=65536"}) {
    EXPECT_TRUE(server_.AwaitVersion(1));
  }
  std::string LoadOrUnload(int turn) {
    return Outcome(turn % 2 == 0 ? server_.Unload("wind") : server_.Load("wind"));
  }
  std::string Call(const Answers& expected, int turn) {
    const int kind = turn % Answers::kKinds;
    const Answers::Answer answer = Answers::Ask(server_.stub(), kind);
    if (!answer.status.ok()) return Outcome(answer.status);
    return expected.Fits(kind, answer.bytes) ? "" : "other bits than the model's";
  }

  RepositoryServer server_;
};

TEST_F(AdministrationTest, ManyLoadAndUnloadUnderLoadAndTheLastWordHolds) {
  const Answers answers(server_.stub());
  Crowd callers(4, kForEver, [&](int turn) { return Call(answers, turn); });
  Crowd administrators(FromEnvironment("TEST_ADMINISTRATORS", 8),
                       FromEnvironment("TEST_ROUNDS", 32),
                       [this](int turn) { return LoadOrUnload(turn); });
  // Another one was faster, or too many wait.
  const std::map<std::string, int> commands = administrators.Join();
  EXPECT_THAT(Others(commands, {"5 name: the model is not served", "8 ", "10 name: "}), IsEmpty());
  callers.Stop();
  const std::map<std::string, int> calls = callers.Join();
  EXPECT_THAT(Others(calls, {"14 no model is ready", "14 model 'wind' is ", "5 model.name: "}),
              IsEmpty());
  for (const auto* outcomes : {&commands, &calls}) {
    for (const auto& [outcome, count] : *outcomes) {
      std::cout << "           " << count << (outcome.empty() ? " done" : " " + outcome) << "\n";
    }
  }
  EXPECT_TRUE(server_.Load("wind").ok());
  EXPECT_EQ(server_.VersionThatAnswers(), 1);
  EXPECT_TRUE(server_.Unload("wind").ok());
  EXPECT_EQ(server_.VersionThatAnswers(), 0);
}

TEST_F(AdministrationTest, ADrainEndsThoughModelsComeAndGo) {
  const Answers answers(server_.stub());
  Crowd callers(4, kForEver, [&](int turn) { return Call(answers, turn); });
  Crowd administrators(4, kForEver, [this](int turn) { return LoadOrUnload(turn); });
  administrators.AwaitTurns(40);
  server_.process().Signal(SIGTERM);
  EXPECT_EQ(server_.process().Wait(), 0);
  callers.Stop();
  administrators.Stop();
  // What comes in the moment of the shutdown is CANCELLED by gRPC.
  EXPECT_THAT(Others(callers.Join(), {"5 model.name: ", "14 ", "1 CANCELLED"}), IsEmpty());
  EXPECT_THAT(Others(administrators.Join(), {"5 name: ", "10 ", "14 ", "1 CANCELLED"}), IsEmpty());
}

/// So many calls, 500 a second.
load::LoadResult CallsAt(const std::string& address, int calls) {
  load::GeneratorOptions options;
  options.servers = {address};
  options.connections = 4;
  load::Workload workload;
  workload.model.set_name("wind");
  workload.dim_in = workload.dim_out = 2;
  const auto generator = load::LoadGenerator::Connect(options, workload);
  EXPECT_TRUE(generator.ok()) << generator.status();
  load::LoadPhase phase;
  phase.rate = 500;
  phase.duration = std::chrono::minutes(10);  // Longer than the test may take.
  phase.max_requests = calls;
  const std::atomic<bool> stop{false};
  return (*generator)->Run(phase, stop);
}

TEST_F(ModelLifecycleTest, CallsGoOnWhileALargeModelIsLoaded) {
  const int calls = FromEnvironment("TEST_CALLS", 500);
  const std::string large =
      RepositoryOnDisk::Network(2, /*hidden_dim=*/FromEnvironment("TEST_HIDDEN", 1024));
  RepositoryServer server(repository_, {"--repository_settle=0s"});
  ASSERT_TRUE(server.AwaitVersion(1));
  const load::LoadResult before = CallsAt(server.process().address(), calls);
  Crowd publisher(1, kForEver, [&](int turn) -> std::string {
    repository_.Publish("storm", turn + 1, large);
    const bool ready = server.AwaitVersion(turn + 1, "storm");
    if (turn > 0) repository_.Remove("storm", turn);
    return ready ? "" : "never ready";
  });
  const load::LoadResult meanwhile = CallsAt(server.process().address(), calls);
  publisher.AwaitTurns(1);
  publisher.Stop();
  const std::map<std::string, int> loads = publisher.Join();
  EXPECT_THAT(Others(loads, {}), IsEmpty());
  for (const load::LoadResult* result : {&before, &meanwhile}) {
    EXPECT_EQ(result->answers[0], calls);
    EXPECT_EQ(result->total(), calls);
    const load::LoadReport report = Summarise(*result, 1);
    std::cout << "           " << (result == &before ? "before" : "meanwhile") << ": "
              << result->total() << " calls, p50 " << report.p50 << " us, p99 " << report.p99
              << " us, max " << report.max << " us\n";
  }
  std::cout << "           " << loads.begin()->second << " loads of " << large.size() / 1000000
            << " MB\n";
}

TEST_F(ModelLifecycleTest, WeightsThatAnswerOtherwiseThanTheirGoldenRowsAreNeverServed) {
  RepositoryServer server(repository_, {"--repository_settle=0s"});
  ASSERT_TRUE(server.AwaitVersion(1));
  grpc::ClientContext context;
  v1::PredictRequest request;
  v1::PredictResponse response;
  request.mutable_x()->add_shape(2);
  request.mutable_x()->add_values(0.5f);
  request.mutable_x()->add_values(-1.0f);
  ASSERT_TRUE(server.stub().Predict(&context, request, &response).ok());
  const std::string golden = absl::StrCat(R"({"x": [[0.5, -1]], "log_pi": [[)",
                                          absl::StrJoin(response.log_pi().values(), ", "), "]]}");
  const int wrong = FromEnvironment("TEST_WRONG_MODELS", 10);
  for (int i = 0; i < wrong; ++i) {
    repository_.Publish("wind", 2 + i, RepositoryOnDisk::Network(100 + i),
                        {{"golden.json", golden}});
    EXPECT_THAT(server.AwaitState("wind", 2 + i, v1::MODEL_STATE_FAILED),
                StartsWith("golden.json: log_pi: row 0"));
    EXPECT_EQ(server.VersionThatAnswers(), 1);
    repository_.Remove("wind", 2 + i);
  }
  repository_.Publish("wind", 2 + wrong, RepositoryOnDisk::Network(1), {{"golden.json", golden}});
  EXPECT_TRUE(server.AwaitVersion(2 + wrong));
}

}  // namespace
}  // namespace mdn

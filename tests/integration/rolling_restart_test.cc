// Two replicas of which one goes and comes back under load: behind HAProxy as deploy/ has it,
// behind gRPC's round robin, and behind the client's own.
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <atomic>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "mdn/client.h"
#include "mdn/v1/mdn.grpc.pb.h"
#include "tests/integration/replica.h"
#include "tests/support/await.h"
#include "tests/support/from_environment.h"

// Longer runs: TEST_RESTARTS=10 TEST_KILLS=10 TEST_CALLS=100000 rolling_restart_test

namespace mdn {
namespace {

using ::testing::IsEmpty;

constexpr int kSamples = 1000;
/// Between two calls of a caller: leaves the machine to the servers.
constexpr std::chrono::milliseconds kPause(1);

/// What one call came to.
struct Answer {
  /// Empty: it was answered.
  std::string error;
  std::string replica;
  /// The numbers, but not what names the replica.
  std::string numbers;
};

/// Makes one call; of each three one is a Predict, one a Sample and one a LogLikelihood.
using Call = std::function<Answer(int kind)>;

/// Which replicas a load comes to.
enum class Reach { kBoth, kEither };

/// Callers that go on until they are stopped, each with one call at a time.
class Load {
 public:
  /// `call` is called by all of them.
  Load(std::string title, Reach reach, int callers, Call call)
      : title_(std::move(title)), reach_(reach), callers_(callers), call_(std::move(call)) {
    for (int kind = 0; kind < 3; ++kind) expected_.push_back(NumbersOf(kind));
    for (int i = 0; i < callers; ++i) threads_.emplace_back([this, i] { Run(i); });
  }
  ~Load() { Stop(); }

  void Stop() {
    stopped_ = true;
    for (std::thread& thread : threads_) {
      if (thread.joinable()) thread.join();
    }
  }
  /// Waits until the replica has answered so many more, or any has, if the load need not reach it.
  void AwaitAnswersOf(const Replica& replica, int64_t count) {
    const auto answered = [&] { return reach_ == Reach::kBoth ? AnswersOf(replica) : answers(); };
    const int64_t until = answered() + count;
    EXPECT_TRUE(Await([&] { return answered() >= until; }))
        << title_ << " does not reach " << replica.name();
  }
  /// What went wrong since the last time, and how often.
  std::map<std::string, int> TakeFailures() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return std::exchange(failures_, {});
  }
  int64_t answers() {
    const std::lock_guard<std::mutex> lock(mutex_);
    int64_t sum = 0;
    for (const auto& [replica, count] : answers_) sum += count;
    return sum;
  }
  const std::string& title() const { return title_; }
  int callers() const { return callers_; }

 private:
  /// Of the first answer: a channel may need more than one attempt to connect.
  std::string NumbersOf(int kind) {
    Answer answer;
    EXPECT_TRUE(Await([&] {
      answer = call_(kind);
      return answer.error.empty();
    })) << title_
        << ": " << answer.error;
    return answer.numbers;
  }
  void Run(int kind) {
    for (; !stopped_; ++kind) {
      std::this_thread::sleep_for(kPause);
      const Answer answer = call_(kind % 3);
      const std::lock_guard<std::mutex> lock(mutex_);
      if (!answer.error.empty()) {
        ++failures_[answer.error];
      } else if (answer.numbers != expected_[kind % 3]) {
        ++failures_["other numbers than before"];
      } else {
        ++answers_[answer.replica];
      }
    }
  }
  int64_t AnswersOf(const Replica& replica) {
    const std::lock_guard<std::mutex> lock(mutex_);
    return answers_[replica.name()];
  }

  const std::string title_;
  const Reach reach_;
  const int callers_;
  const Call call_;
  std::vector<std::string> expected_;
  std::atomic<bool> stopped_{false};
  std::mutex mutex_;
  // Guarded by mutex_.
  std::map<std::string, int64_t> answers_;
  std::map<std::string, int> failures_;
  std::vector<std::thread> threads_;
};

template <class Response>
Answer Finish(const grpc::Status& status, Response& response) {
  if (!status.ok()) {
    return {std::to_string(status.error_code()) + " " + status.error_message(), "", ""};
  }
  Answer answer{"", response.model().name(), ""};
  response.clear_model();
  answer.numbers = response.SerializeAsString();
  return answer;
}

Answer CallStub(v1::MdnService::Stub& stub, int kind) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
  v1::Tensor x;
  x.add_shape(1);
  x.add_values(0.5f);
  if (kind == 0) {
    v1::PredictRequest request;
    v1::PredictResponse response;
    *request.mutable_x() = x;
    const grpc::Status status = stub.Predict(&context, request, &response);
    return Finish(status, response);
  }
  if (kind == 1) {
    v1::SampleRequest request;
    v1::SampleResponse response;
    *request.mutable_x() = x;
    request.set_num_samples(kSamples);
    request.set_seed(7);
    const grpc::Status status = stub.Sample(&context, request, &response);
    return Finish(status, response);
  }
  v1::LogLikelihoodRequest request;
  v1::LogLikelihoodResponse response;
  *request.mutable_x() = x;
  *request.mutable_y() = x;
  const grpc::Status status = stub.LogLikelihood(&context, request, &response);
  return Finish(status, response);
}

/// A caller that tries nothing again, not even what gRPC itself would.
Call PlainCalls(const std::string& target, const std::string& service_config) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 200);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1000);
  arguments.SetServiceConfigJSON(service_config);
  const std::shared_ptr<v1::MdnService::Stub> stub = v1::MdnService::NewStub(
      grpc::CreateCustomChannel(target, grpc::InsecureChannelCredentials(), arguments));
  return [stub](int kind) { return CallStub(*stub, kind); };
}

std::string Bytes(const std::vector<float>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)};
}

Call ClientCalls(const ClientOptions& options) {
  const auto client = std::make_shared<const Client>(options);
  return [client](int kind) -> Answer {
    const std::vector<float> x = {0.5f};
    if (kind == 0) {
      const auto result = client->Predict({{}, {{1}, x}});
      if (!result.ok()) return {result.status().ToString(), "", ""};
      return {"", result->model.name, Bytes(result->mu.values) + Bytes(result->sigma.values)};
    }
    if (kind == 1) {
      const auto result = client->Sample({{}, {{1}, x}, kSamples, /*seed=*/7, {}, {}, false});
      if (!result.ok()) return {result.status().ToString(), "", ""};
      return {"", result->model.name, Bytes(result->samples.values)};
    }
    const auto result = client->LogLikelihood({{}, {{1}, x}, {{1}, x}});
    if (!result.ok()) return {result.status().ToString(), "", ""};
    return {"", result->model.name, Bytes(result->log_likelihood.values)};
  };
}

class RollingRestartTest : public testing::Test {
 protected:
  static ClientOptions Options(std::vector<std::string> servers, bool coalesce = false) {
    ClientOptions options;
    options.servers = std::move(servers);
    options.timeout = absl::Seconds(60);
    options.coalesce = coalesce;
    return options;
  }

  /// Callers that heed health, or whose proxy does, and try nothing again.
  void AddPlainLoads(const Proxy* proxy) {
    Add("gRPC's round robin", Reach::kBoth, 4,
        PlainCalls(BothReplicas(),
                   R"({"loadBalancingConfig": [{"round_robin": {}}],
                       "healthCheckConfig": {"serviceName": ""}})"));
    if (proxy != nullptr) Add("the proxy", Reach::kBoth, 4, PlainCalls(proxy->address(), "{}"));
  }
  /// Callers that try again.
  void AddClients(const Proxy* proxy) {
    Add("the client, of two servers", Reach::kBoth, 4,
        ClientCalls(Options({one_.address(), two_.address()})));
    Add("the client, of two addresses", Reach::kBoth, 32, ClientCalls(Options({BothReplicas()})));
    Add("the client's stream", Reach::kEither, 4,
        ClientCalls(Options({one_.address(), two_.address()}, true)));
    if (proxy == nullptr) return;
    Add("the client, to the proxy", Reach::kBoth, 4, ClientCalls(Options({proxy->address()})));
    Add("the client's stream, to the proxy", Reach::kEither, 4,
        ClientCalls(Options({proxy->address()}, true)));
  }
  void AwaitAnswersOf(const Replica& replica, int64_t count) const {
    for (const auto& load : loads_) load->AwaitAnswersOf(replica, count);
  }
  /// A server ends and comes back, and the load comes back to it.
  void Restart(Replica& replica) const {
    EXPECT_EQ(replica.End(SIGTERM), 0);
    replica.Start();
    AwaitAnswersOf(replica, 20);
  }
  int64_t answers() const {
    int64_t sum = 0;
    for (const auto& load : loads_) sum += load->answers();
    return sum;
  }
  void Tell(const std::string& what) const {
    std::cout << "           " << what;
    for (const auto& load : loads_) std::cout << "; " << load->title() << " " << load->answers();
    std::cout << "\n";
  }

  /// Returns when there is an answer through the proxy.
  std::unique_ptr<Proxy> StartProxy() const {
    if (!Proxy::IsInstalled()) return nullptr;
    auto proxy = std::make_unique<Proxy>(host_ + ":21050", one_, two_);
    const Call call = PlainCalls(proxy->address(), "{}");
    EXPECT_TRUE(Await([&] { return call(0).error.empty(); })) << proxy->log();
    return proxy;
  }
  std::string BothReplicas() const { return "ipv4:" + one_.address() + "," + two_.address(); }
  void Add(const std::string& title, Reach reach, int callers, Call call) {
    loads_.push_back(std::make_unique<Load>(title, reach, callers, std::move(call)));
  }

  const std::string host_ = LoopbackHost();
  Replica one_{"one", host_ + ":21051", {"--lame_duck=8s"}};
  Replica two_{"two", host_ + ":21052", {"--lame_duck=8s"}};
  std::vector<std::unique_ptr<Load>> loads_;
};

TEST_F(RollingRestartTest, LosesNoCallOfThoseWhoHeedHealthNorOfClients) {
  const int restarts = FromEnvironment("TEST_RESTARTS", 2);
  const int calls = FromEnvironment("TEST_CALLS", 1000);
  const std::unique_ptr<Proxy> proxy = StartProxy();
  AddPlainLoads(proxy.get());
  AddClients(proxy.get());
  for (Replica* replica : {&one_, &two_}) AwaitAnswersOf(*replica, 20);
  for (int i = 0; i < restarts; ++i) {
    Restart(i % 2 == 0 ? one_ : two_);
    EXPECT_TRUE(
        Await([&] { return answers() >= calls * (i + 1) / restarts; }, std::chrono::seconds(120)));
  }
  for (const auto& load : loads_) EXPECT_THAT(load->TakeFailures(), IsEmpty()) << load->title();
  Tell(std::to_string(restarts) + " restarts");
}

TEST_F(RollingRestartTest, AReplicaThatIsKilledTakesOnlyCallsInFlightAndClientsHideThose) {
  const int kills = FromEnvironment("TEST_KILLS", 2);
  const std::unique_ptr<Proxy> proxy = StartProxy();
  AddPlainLoads(proxy.get());
  const size_t plain = loads_.size();
  AddClients(proxy.get());
  std::map<std::string, int> lost;
  for (int i = 0; i < kills; ++i) {
    Replica& replica = i % 2 == 0 ? one_ : two_;
    for (Replica* each : {&one_, &two_}) AwaitAnswersOf(*each, 20);
    EXPECT_EQ(replica.End(SIGKILL), -SIGKILL);
    AwaitAnswersOf(i % 2 == 0 ? two_ : one_, 100);
    replica.Start();
    AwaitAnswersOf(replica, 20);
    for (size_t each = 0; each < plain; ++each) {
      int failures = 0;
      for (const auto& [error, count] : loads_[each]->TakeFailures()) {
        failures += count;
        lost[loads_[each]->title() + ": " + error] += count;
      }
      // One call of each caller is in flight, and a few more may follow before the loss is known.
      EXPECT_LE(failures, 4 * loads_[each]->callers()) << loads_[each]->title();
    }
  }
  for (size_t i = plain; i < loads_.size(); ++i) {
    EXPECT_THAT(loads_[i]->TakeFailures(), IsEmpty()) << loads_[i]->title();
  }
  Tell(std::to_string(kills) + " kills");
  for (const auto& [error, count] : lost)
    std::cout << "           lost " << count << ": " << error << "\n";
}

}  // namespace
}  // namespace mdn

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cmath>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "model/mixture/density.h"
#include "tests/integration/fake_model_server.h"

namespace mdn {
namespace {

using ::testing::HasSubstr;

constexpr int kClients = 64;
constexpr int kCallsPerClient = 40;

/// What became of all the calls.
struct Tally {
  std::atomic<int> ok{0};
  std::atomic<int> late{0};
  /// Those with hardly any time, where others waited.
  std::atomic<int> refused{0};
  std::atomic<int> wrong{0};
};

v1::Tensor RandomColumn(int rows, std::mt19937& random) {
  v1::Tensor x;
  x.add_shape(rows);
  x.add_shape(1);
  for (int i = 0; i < rows; ++i) x.add_values(static_cast<float>(random() % 100'000));
  return x;
}

/// The fake engine's component k has the mean x + k.
bool IsPredictionOf(const v1::Tensor& x, const v1::PredictResponse& response) {
  if (response.mu().values_size() != 2 * x.values_size()) return false;
  for (int i = 0; i < x.values_size(); ++i) {
    if (response.mu().values(2 * i) != x.values(i)) return false;
    if (response.mu().values(2 * i + 1) != x.values(i) + 1) return false;
  }
  return true;
}

/// With no spread every sample is one of the two means.
bool AreSamplesOf(const v1::Tensor& x, const v1::SampleResponse& response, int num_samples) {
  if (response.samples().values_size() != num_samples * x.values_size()) return false;
  for (int i = 0; i < response.samples().values_size(); ++i) {
    const float component = response.samples().values(i) - x.values(i / num_samples);
    if (component != 0 && component != 1) return false;
  }
  return true;
}

/// Every y is its x, so every row has the log likelihood of 0 under the mixture at 0.
bool AreLikelihoodsOf(const v1::Tensor& x, const v1::LogLikelihoodResponse& response) {
  Mixture mixture;
  float expected = 0;
  if (!FakeEngine().Evaluate({0}, 1, mixture).ok()) return false;
  LogDensity(mixture.Row(0), {0}, absl::MakeSpan(&expected, 1));
  const auto& values = response.log_likelihood().values();
  if (values.size() != x.values_size()) return false;
  for (const float value : values) {
    if (std::abs(value - expected) > 1e-4f) return false;
  }
  return true;
}

class Client {
 public:
  Client(FakeModelServer& server, int seed, Tally& tally)
      : stub_(v1::MdnService::NewStub(server.Channel())), random_(seed), tally_(tally) {}

  void Run() {
    for (int i = 0; i < kCallsPerClient; ++i) CallOnce();
  }

 private:
  void CallOnce() {
    grpc::ClientContext context;
    // Some calls have hardly any time.
    const auto timeout = random_() % 8 == 0 ? std::chrono::microseconds(random_() % 2000)
                                            : std::chrono::microseconds(60'000'000);
    context.set_deadline(std::chrono::system_clock::now() + timeout);
    const v1::Tensor x = RandomColumn(1 + static_cast<int>(random_() % 40), random_);
    bool right = false;
    grpc::Status status;
    switch (random_() % 3) {
      case 0:
        status = Predict(context, x, right);
        break;
      case 1:
        status = Sample(context, x, right);
        break;
      default:
        status = LogLikelihood(context, x, right);
    }
    if (status.ok()) {
      (right ? tally_.ok : tally_.wrong)++;
    } else if (status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED) {
      tally_.late++;
    } else {
      EXPECT_THAT(status.error_message(), HasSubstr("the deadline is too near"));
      tally_.refused++;
    }
  }

  grpc::Status Predict(grpc::ClientContext& context, const v1::Tensor& x, bool& right) {
    v1::PredictRequest request;
    v1::PredictResponse response;
    *request.mutable_x() = x;
    const grpc::Status status = stub_->Predict(&context, request, &response);
    right = IsPredictionOf(x, response);
    return status;
  }

  grpc::Status Sample(grpc::ClientContext& context, const v1::Tensor& x, bool& right) {
    v1::SampleRequest request;
    v1::SampleResponse response;
    *request.mutable_x() = x;
    request.set_num_samples(3);
    request.set_sigma_scale(0);
    const grpc::Status status = stub_->Sample(&context, request, &response);
    right = AreSamplesOf(x, response, 3);
    return status;
  }

  grpc::Status LogLikelihood(grpc::ClientContext& context, const v1::Tensor& x, bool& right) {
    v1::LogLikelihoodRequest request;
    v1::LogLikelihoodResponse response;
    *request.mutable_x() = x;
    *request.mutable_y() = x;
    const grpc::Status status = stub_->LogLikelihood(&context, request, &response);
    right = AreLikelihoodsOf(x, response);
    return status;
  }

  const std::unique_ptr<v1::MdnService::Stub> stub_;
  std::mt19937 random_;
  Tally& tally_;
};

TEST(ConcurrencyTest, SixtyFourClientsEachGetTheirOwnRowsAnswers) {
  FakeModelServer::Options options;
  options.batching.concurrency = 2;
  options.batching.max_batch_rows = 64;
  options.server.pollers = 3;
  FakeModelServer server(options);
  Tally tally;
  std::vector<std::thread> threads;
  for (int i = 0; i < kClients; ++i) {
    threads.emplace_back([&, i] { Client(server, i, tally).Run(); });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(tally.wrong, 0);
  EXPECT_EQ(tally.ok + tally.late + tally.refused, kClients * kCallsPerClient);
  EXPECT_GT(tally.ok, kClients * kCallsPerClient / 2);
  server.server().Drain();
  const BatchStats stats = server.batcher().stats();
  EXPECT_EQ(stats.submitted, stats.done);
  EXPECT_EQ(server.batcher().queued_rows(), 0);
}

/// What repeated requests with one seed get from a server with `threads` evaluating threads, while
/// strangers call as well if `company`.
std::set<std::string> SamplesWithSeed(int threads, bool company) {
  FakeModelServer::Options options;
  options.batching.concurrency = threads;
  options.batching.max_batch_rows = 16;
  options.server.pollers = threads + 1;
  FakeModelServer server(options);
  std::atomic<bool> stop{false};
  std::vector<std::thread> strangers;
  for (int i = 0; company && i < 4; ++i) {
    strangers.emplace_back([&, i] {
      Tally tally;
      Client client(server, i, tally);
      while (!stop) client.Run();
    });
  }
  while (company && server.batcher().stats().submitted < 100) std::this_thread::yield();

  std::mt19937 random(5);
  v1::SampleRequest request;
  *request.mutable_x() = RandomColumn(100, random);
  request.set_num_samples(7);
  request.set_seed(42);
  std::set<std::string> different;
  for (int i = 0; i < 20; ++i) {
    grpc::ClientContext context;
    v1::SampleResponse response;
    EXPECT_TRUE(server.stub().Sample(&context, request, &response).ok());
    different.insert(response.SerializeAsString());
  }
  stop = true;
  for (std::thread& stranger : strangers) stranger.join();
  return different;
}

TEST(ConcurrencyTest, TheSameSeedGivesTheSameSamplesInAnyCompany) {
  const std::set<std::string> alone = SamplesWithSeed(1, false);
  EXPECT_EQ(alone.size(), 1u);
  EXPECT_EQ(SamplesWithSeed(1, true), alone);
  EXPECT_EQ(SamplesWithSeed(4, true), alone);
}

}  // namespace
}  // namespace mdn

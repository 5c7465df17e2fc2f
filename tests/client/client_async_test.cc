#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "mdn/client.h"
#include "tests/support/fake_service.h"
#include "tests/support/temporary_directory.h"

namespace mdn {
namespace {

using testing::ElementsAre;

ClientOptions Options(std::vector<std::string> servers) {
  ClientOptions options;
  options.servers = std::move(servers);
  return options;
}

const std::vector<float> kX = {1, 2};

PredictRequest OneRow() { return {{}, {{1, 2}, kX}}; }

/// A callback that keeps the status it got.
struct Outcome {
  std::promise<absl::Status> promise;
  std::future<absl::Status> status = promise.get_future();

  Client::Callback<Prediction> callback() {
    return [this](const absl::StatusOr<Prediction>& result) { promise.set_value(result.status()); };
  }
};

TEST(ClientAsyncTest, CallsBackWithTheResult) {
  const FakeService service;
  const Client client(Options({service.address()}));
  std::promise<absl::StatusOr<Prediction>> result;

  client.PredictAsync(OneRow(), {}, [&](absl::StatusOr<Prediction> prediction) {
    result.set_value(std::move(prediction));
  });

  const absl::StatusOr<Prediction> prediction = result.get_future().get();
  ASSERT_TRUE(prediction.ok()) << prediction.status();
  EXPECT_THAT(prediction->mu.values, ElementsAre(3, 4));
}

TEST(ClientAsyncTest, GivesFutures) {
  const FakeService service;
  const Client client(Options({service.address()}));
  SampleRequest sample;
  sample.x = {{1, 2}, kX};
  sample.seed = 10;

  auto prediction = client.PredictAsync(OneRow());
  auto samples = client.SampleAsync(sample);
  auto likelihoods = client.LogLikelihoodAsync({{}, {{1, 2}, kX}, {{1, 1}, {5}}});

  EXPECT_THAT(prediction.get()->sigma.values, ElementsAre(0.5, 1));
  EXPECT_THAT(samples.get()->samples.values, ElementsAre(13));
  EXPECT_THAT(likelihoods.get()->log_likelihood.values, ElementsAre(-2));
}

TEST(ClientAsyncTest, CopiesTheRequestBeforeItReturns) {
  const FakeService service;
  const Client client(Options({service.address()}));
  auto x = std::make_unique<std::vector<float>>(20'000, 1.0f);

  auto prediction = client.PredictAsync({{}, {{10'000, 2}, *x}});
  x.reset();

  EXPECT_EQ(prediction.get()->mu.values.back(), 3);
}

TEST(ClientAsyncTest, CallsBackWithTheServersError) {
  const FakeService service;
  const Client client(Options({service.address()}));

  const auto prediction = client.PredictAsync({{}, {{1, 1}, {1}}}).get();

  EXPECT_EQ(prediction.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(prediction.status().message(), "x has the shape [1, 1], expected [*, 2]");
}

TEST(ClientAsyncTest, EndsACallAtItsTimeout) {
  FakeService service;
  const Client client(Options({service.address()}));
  service.HoldCalls();

  const auto prediction = client.PredictAsync(OneRow(), {absl::Milliseconds(50)}).get();

  EXPECT_EQ(prediction.status().code(), absl::StatusCode::kDeadlineExceeded);
}

TEST(ClientAsyncTest, CancelsACallAtTheServerToo) {
  FakeService service;
  const Client client(Options({service.address()}));
  service.HoldCalls();
  Outcome outcome;
  AsyncCall call = client.PredictAsync(OneRow(), {}, outcome.callback());
  service.WaitForHeld(1);

  call.Cancel();

  EXPECT_EQ(outcome.status.get().code(), absl::StatusCode::kCancelled);
  service.WaitForCancelled(1);
}

TEST(ClientAsyncTest, CancelsOneOfManyCalls) {
  FakeService service;
  const Client client(Options({service.address()}));
  service.HoldCalls();
  Outcome cancelled;
  Outcome expired;
  AsyncCall call = client.PredictAsync(OneRow(), {}, cancelled.callback());
  service.WaitForHeld(1);
  client.PredictAsync(OneRow(), {absl::Milliseconds(200)}, expired.callback());

  call.Cancel();

  EXPECT_EQ(cancelled.status.get().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(expired.status.get().code(), absl::StatusCode::kDeadlineExceeded);
}

TEST(ClientAsyncTest, CancellingWhatIsDoneHasNoEffect) {
  const FakeService service;
  auto client = std::make_unique<Client>(Options({service.address()}));
  Outcome outcome;
  AsyncCall call = client->PredictAsync(OneRow(), {}, outcome.callback());
  EXPECT_TRUE(outcome.status.get().ok());

  call.Cancel();
  client.reset();
  call.Cancel();
}

TEST(ClientAsyncTest, DestroyingTheClientCancelsItsCalls) {
  FakeService service;
  auto client = std::make_unique<Client>(Options({service.address()}));
  service.HoldCalls();
  std::atomic<int> cancelled = 0;
  for (int i = 0; i < 10; ++i) {
    client->PredictAsync(OneRow(), {}, [&](const absl::StatusOr<Prediction>& result) {
      cancelled += absl::IsCancelled(result.status()) ? 1 : 0;
    });
  }

  client.reset();

  EXPECT_EQ(cancelled, 10);
}

TEST(ClientAsyncTest, ACallbackCanStartTheNextCall) {
  const FakeService service;
  const Client client(Options({service.address()}));
  std::promise<absl::Status> last;

  client.PredictAsync(OneRow(), {}, [&](const absl::StatusOr<Prediction>&) {
    client.PredictAsync(OneRow(), {}, [&](const absl::StatusOr<Prediction>& second) {
      last.set_value(second.status());
    });
  });

  EXPECT_TRUE(last.get_future().get().ok());
  EXPECT_EQ(service.calls(), 2);
}

TEST(ClientAsyncTest, GoesOnToTheNextServer) {
  const FakeService service;
  const TemporaryDirectory directory;
  const std::string nowhere = absl::StrCat("unix:", directory.Path("no_such_socket"));
  const Client client(Options({nowhere, nowhere, service.address()}));

  const auto prediction = client.PredictAsync(OneRow()).get();

  EXPECT_TRUE(prediction.ok()) << prediction.status();
}

TEST(ClientAsyncTest, StopsAfterTheLastServer) {
  const TemporaryDirectory directory;
  const std::string nowhere = absl::StrCat("unix:", directory.Path("no_such_socket"));
  const Client client(Options({nowhere, nowhere}));

  EXPECT_EQ(client.PredictAsync(OneRow()).get().status().code(), absl::StatusCode::kUnavailable);
}

TEST(ClientAsyncTest, CallsBackWhenThereIsNoServer) {
  const Client client(Options({}));

  const auto prediction = client.PredictAsync(OneRow()).get();

  EXPECT_EQ(prediction.status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(ClientAsyncTest, ManyThreadsShareAClient) {
  constexpr int kThreads = 4;
  constexpr int kCalls = 50;
  const FakeService first;
  const FakeService second;
  const Client client(Options({first.address(), second.address()}));
  std::atomic<int> answered = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      std::vector<Client::Future<Prediction>> futures;
      for (int call = 0; call < kCalls; ++call) futures.push_back(client.PredictAsync(OneRow()));
      for (int call = 0; call < kCalls; ++call) answered += client.Predict(OneRow()).ok() ? 1 : 0;
      for (auto& future : futures) answered += future.get().ok() ? 1 : 0;
    });
  }
  for (std::thread& thread : threads) thread.join();

  EXPECT_EQ(answered, 2 * kThreads * kCalls);
  EXPECT_EQ(first.calls() + second.calls(), 2 * kThreads * kCalls);
}

}  // namespace
}  // namespace mdn

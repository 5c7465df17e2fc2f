#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "mdn/client.h"
#include "tests/support/fake_service.h"
#include "tests/support/temporary_directory.h"

namespace mdn {
namespace {

using testing::HasSubstr;

constexpr int kForEver = 1'000'000;

const grpc::Status kDraining(grpc::StatusCode::UNAVAILABLE, "draining");
const grpc::Status kQueueFull(grpc::StatusCode::RESOURCE_EXHAUSTED, "the queue is full");

std::string Nowhere() {
  static const TemporaryDirectory directory;
  return absl::StrCat("unix:", directory.Path("no_such_socket"));
}

ClientOptions Options(std::vector<std::string> servers) {
  ClientOptions options;
  options.servers = std::move(servers);
  return options;
}

TEST(ClientRetryTest, TriesAgainWhileTheServerIsUnavailable) {
  FakeService service;
  const Client client(Options({service.address()}));
  service.FailNext(2, kDraining);

  EXPECT_TRUE(client.GetModel().ok());
  EXPECT_EQ(service.calls(), 3);
}

TEST(ClientRetryTest, GivesUpAfterThreeTries) {
  FakeService service;
  const Client client(Options({service.address()}));
  service.FailNext(kForEver, kDraining);

  const absl::Status status = client.GetModel().status();

  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(status.message(), "draining");
  EXPECT_EQ(service.calls(), 3);
}

TEST(ClientRetryTest, TriesAgainWhenAFullQueueAsksForIt) {
  FakeService service;
  const Client client(Options({service.address()}));
  service.FailNext(1, kQueueFull, /*pushback_ms=*/1);

  EXPECT_TRUE(client.GetModel().ok());
  EXPECT_EQ(service.calls(), 2);
}

TEST(ClientRetryTest, DoesNotTryAgainWhereTheServerAsksNotTo) {
  FakeService service;
  const Client client(Options({service.address()}));
  service.FailNext(kForEver, kQueueFull, /*pushback_ms=*/-1);

  EXPECT_EQ(client.GetModel().status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(service.calls(), 1);
}

TEST(ClientRetryTest, DoesNotRepeatWhatTheServerRefused) {
  FakeService service;
  const Client client(Options({service.address()}));
  service.FailNext(kForEver, {grpc::StatusCode::INTERNAL, "not finite"});

  EXPECT_EQ(client.GetModel().status().code(), absl::StatusCode::kInternal);
  EXPECT_EQ(service.calls(), 1);
}

TEST(ClientRetryTest, RepeatsRequestsUpToFourMebibytes) {
  FakeService service;
  const Client client(Options({service.address()}));
  const std::vector<float> three(3 << 18);
  const std::vector<float> five(5 << 18);

  service.FailNext(1, kDraining);
  EXPECT_TRUE(client.Predict({{}, {{3 << 17, 2}, three}}).ok());
  EXPECT_EQ(service.calls(), 2);

  service.FailNext(1, kDraining);
  EXPECT_EQ(client.Predict({{}, {{5 << 17, 2}, five}}).status().message(), "draining");
  EXPECT_EQ(service.calls(), 3);
}

TEST(ClientRetryTest, RetriesEndAtTheTimeout) {
  FakeService service;
  const Client client(Options({service.address()}));
  ASSERT_TRUE(client.GetModel().ok());
  service.FailNext(kForEver, kQueueFull, /*pushback_ms=*/60'000);

  // A call for which the machine has no time does not reach the server.
  int calls = 1;
  for (absl::Duration timeout = absl::Seconds(1); service.calls() < 2; timeout *= 2, ++calls) {
    EXPECT_EQ(client.GetModel({}, {timeout}).status().code(), absl::StatusCode::kDeadlineExceeded);
  }
  EXPECT_LE(service.calls(), calls);
}

TEST(ClientRetryTest, SaysWhenNoServerCanBeReached) {
  const Client client(Options({Nowhere()}));

  const absl::Status status = client.GetModel().status();

  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr("no_such_socket"));
}

TEST(ClientRetryTest, ServersTakeTurns) {
  const FakeService first;
  const FakeService second;
  const Client client(Options({first.address(), second.address()}));

  // The second is left out until it is connected.
  while (second.calls() == 0) ASSERT_TRUE(client.GetModel().ok());
  const int calls_of_first = first.calls();
  const int calls_of_second = second.calls();
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(client.GetModel().ok());

  EXPECT_EQ(first.calls(), calls_of_first + 5);
  EXPECT_EQ(second.calls(), calls_of_second + 5);
}

TEST(ClientRetryTest, GoesOnToTheNextServer) {
  FakeService draining;
  const FakeService ready;
  const Client client(Options({draining.address(), ready.address()}));
  draining.FailNext(kForEver, kDraining);

  for (int i = 0; i < 4; ++i) EXPECT_TRUE(client.GetModel().ok());

  EXPECT_EQ(ready.calls(), 4);
  EXPECT_GE(draining.calls(), 1);
}

TEST(ClientRetryTest, PassesOverAServerThatDoesNotServe) {
  FakeService leaving;
  leaving.SetHealth(grpc::health::v1::HealthCheckResponse::NOT_SERVING);
  const FakeService ready;
  for (const std::vector<std::string>& servers :
       {std::vector<std::string>{leaving.address(), ready.address()},
        {absl::StrCat("ipv4:", leaving.address(), ",", ready.address())}}) {
    const int before = ready.calls();
    const Client client(Options(servers));
    for (int i = 0; i < 6; ++i) EXPECT_TRUE(client.GetModel().ok());
    EXPECT_EQ(ready.calls(), before + 6);
  }
  EXPECT_EQ(leaving.calls(), 0);
}

TEST(ClientRetryTest, AsksAServerThatDoesNotServeWhereThereIsNoOther) {
  FakeService service;
  service.SetHealth(grpc::health::v1::HealthCheckResponse::NOT_SERVING);
  const Client client(Options({service.address()}));

  for (int i = 0; i < 3; ++i) EXPECT_TRUE(client.GetModel().ok());
  EXPECT_TRUE(client.PredictAsync({{}, {{2}, std::vector<float>{1, 2}}}).get().ok());

  EXPECT_EQ(*client.Health(), ServingStatus::kNotServing);
}

TEST(ClientRetryTest, TriesAgainWhatTheServersShutdownCancelled) {
  FakeService service;
  const Client client(Options({service.address()}));
  service.FailNext(1, grpc::Status(grpc::StatusCode::CANCELLED, ""));

  EXPECT_TRUE(client.GetModel().ok());
  EXPECT_EQ(service.calls(), 2);
}

TEST(ClientRetryTest, PassesOverServersThatCannotBeReached) {
  const FakeService service;
  const Client client(Options({Nowhere(), service.address(), Nowhere()}));

  for (int i = 0; i < 6; ++i) EXPECT_TRUE(client.GetModel().ok());
}

TEST(ClientRetryTest, FindsAServerAgainThatCameBack) {
  const TemporaryDirectory directory;
  const std::string address = absl::StrCat("unix:", directory.Path("socket"));
  auto service = std::make_unique<FakeService>(FakeModel(), address);
  const Client client(Options({address}));
  ASSERT_TRUE(client.GetModel().ok());
  service.reset();
  ASSERT_EQ(client.GetModel().status().code(), absl::StatusCode::kUnavailable);

  service = std::make_unique<FakeService>(FakeModel(), address);

  while (!client.GetModel().ok()) {
  }
  EXPECT_GE(service->calls(), 1);
}

}  // namespace
}  // namespace mdn

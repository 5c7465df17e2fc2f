#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "mdn/client.h"
#include "tests/support/fake_service.h"
#include "tests/support/temporary_directory.h"

namespace mdn {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

ClientOptions Options(const FakeService& service) {
  ClientOptions options;
  options.servers = {service.address()};
  return options;
}

/// Two rows of two features, whose sums are 3 and 30.
const std::vector<float> kX = {1, 2, 10, 20};
const std::vector<float> kRow = {1, 2};

TEST(ClientCallsTest, PredictsAMixtureForEachRow) {
  const FakeService service;
  const Client client(Options(service));

  const auto prediction = client.Predict({{"fake", 7}, {{2, 2}, kX}});

  ASSERT_TRUE(prediction.ok()) << prediction.status();
  EXPECT_EQ(prediction->model.name, "fake");
  EXPECT_EQ(prediction->model.version, 7);
  EXPECT_THAT(prediction->log_pi.shape, ElementsAre(2, 2));
  EXPECT_THAT(prediction->log_pi.values, testing::Each(-std::log(2.0f)));
  EXPECT_THAT(prediction->mu.shape, ElementsAre(2, 2, 1));
  EXPECT_THAT(prediction->mu.values, ElementsAre(3, 4, 30, 31));
  EXPECT_THAT(prediction->sigma.values, ElementsAre(0.5, 1, 0.5, 1));
  EXPECT_FALSE(prediction->scale_tril);
}

TEST(ClientCallsTest, PredictsTheCholeskyFactorsOfAFullCovariance) {
  FakeModel model;
  model.dim_out = 2;
  model.full_covariance = true;
  const FakeService service(model);
  const Client client(Options(service));

  const auto prediction = client.Predict({{}, {{2}, {1, 2}}});

  ASSERT_TRUE(prediction.ok()) << prediction.status();
  ASSERT_TRUE(prediction->scale_tril);
  EXPECT_THAT(prediction->scale_tril->shape, ElementsAre(2, 2, 2));
  EXPECT_THAT(prediction->scale_tril->values, ElementsAre(0.5, 0, 0, 0.5, 1, 0, 0, 1));
}

TEST(ClientCallsTest, KeepsLeadingDimensions) {
  const FakeService service;
  const Client client(Options(service));
  const std::vector<float> x(12);

  const auto prediction = client.Predict({{}, {{3, 1, 2, 2}, x}});

  ASSERT_TRUE(prediction.ok()) << prediction.status();
  EXPECT_THAT(prediction->mu.shape, ElementsAre(3, 1, 2, 2, 1));
}

TEST(ClientCallsTest, KeepsARequestWithoutRows) {
  const FakeService service;
  const Client client(Options(service));

  const auto prediction = client.Predict({{}, {{0, 2}, {}}});

  ASSERT_TRUE(prediction.ok()) << prediction.status();
  EXPECT_THAT(prediction->mu.shape, ElementsAre(0, 2, 1));
  EXPECT_THAT(prediction->mu.values, IsEmpty());
}

TEST(ClientCallsTest, SamplesWithTheServersDefaults) {
  const FakeService service;
  const Client client(Options(service));
  SampleRequest request;
  request.x = {{2, 2}, kX};

  const auto samples = client.Sample(request);

  ASSERT_TRUE(samples.ok()) << samples.status();
  EXPECT_THAT(samples->samples.shape, ElementsAre(2, 1, 1));
  EXPECT_THAT(samples->samples.values, ElementsAre(45, 72));
  EXPECT_EQ(samples->seed, 42);
  EXPECT_THAT(samples->components, IsEmpty());
  const v1::SampleRequest sent = service.samples().front();
  EXPECT_FALSE(sent.has_seed() || sent.has_pi_temperature() || sent.has_sigma_scale());
}

TEST(ClientCallsTest, SamplesAsAsked) {
  const FakeService service;
  const Client client(Options(service));
  SampleRequest request;
  request.x = {{2}, kRow};
  request.num_samples = 3;
  request.seed = 100;
  request.pi_temperature = 0.0f;
  request.sigma_scale = 0.25f;
  request.return_components = true;

  const auto samples = client.Sample(request);

  ASSERT_TRUE(samples.ok()) << samples.status();
  EXPECT_THAT(samples->samples.shape, ElementsAre(3, 1));
  EXPECT_THAT(samples->samples.values, ElementsAre(103, 104, 105));
  EXPECT_EQ(samples->seed, 100);
  EXPECT_THAT(samples->components, ElementsAre(0, 1, 0));
  const v1::SampleRequest sent = service.samples().front();
  EXPECT_TRUE(sent.has_pi_temperature());
  EXPECT_EQ(sent.pi_temperature(), 0.0f);
  EXPECT_EQ(sent.sigma_scale(), 0.25f);
}

TEST(ClientCallsTest, GivesLogLikelihoodsOfPairsAndOfGrids) {
  const FakeService service;
  const Client client(Options(service));

  const auto pairs = client.LogLikelihood({{}, {{2, 2}, kX}, {{2, 1}, {1, 5000}}});
  const auto grid = client.LogLikelihood({{}, {{2, 2}, kX}, {{2, 3, 1}, {1, 2, 3, 4, 5, 6}}});

  ASSERT_TRUE(pairs.ok()) << pairs.status();
  EXPECT_THAT(pairs->log_likelihood.shape, ElementsAre(2));
  EXPECT_THAT(pairs->log_likelihood.values, ElementsAre(2, -INFINITY));
  ASSERT_TRUE(grid.ok()) << grid.status();
  EXPECT_THAT(grid->log_likelihood.shape, ElementsAre(2, 3));
  EXPECT_THAT(grid->log_likelihood.values, ElementsAre(2, 1, 0, 26, 25, 24));
}

TEST(ClientCallsTest, TakesAnAnswerAsTheNextRequest) {
  const FakeService service;
  const Client client(Options(service));
  SampleRequest request;
  request.x = {{2, 2}, kX};
  request.num_samples = 5;
  const auto samples = client.Sample(request);
  ASSERT_TRUE(samples.ok()) << samples.status();

  LogLikelihoodRequest next;
  next.x = request.x;
  next.y = samples->samples.view();
  const auto result = client.LogLikelihood(next);

  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_THAT(result->log_likelihood.shape, ElementsAre(2, 5));
}

TEST(ClientCallsTest, DescribesAModel) {
  const FakeService service;
  const Client client(Options(service));

  const auto info = client.GetModel();

  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_EQ(info->model.name, "fake");
  EXPECT_EQ(info->dim_in, 2);
  EXPECT_EQ(info->dim_out, 1);
  EXPECT_EQ(info->n_components, 2);
  EXPECT_THAT(info->hidden_sizes, ElementsAre(50, 20));
  EXPECT_EQ(info->noise_type, ModelInfo::NoiseType::kFixed);
  EXPECT_EQ(info->fixed_noise_level, 0.5);
  EXPECT_EQ(info->isotropic_layout, ModelInfo::IsotropicLayout::kUnspecified);
  EXPECT_TRUE(info->standardized);
  EXPECT_EQ(info->sha256, "00ff");
  EXPECT_EQ(info->loaded_at, absl::FromUnixSeconds(1'700'000'000));
  EXPECT_EQ(info->limits.max_request_rows, 100);
  EXPECT_EQ(info->limits.max_queue_rows, 500);
}

TEST(ClientCallsTest, ListsModels) {
  const FakeService service;
  const Client client(Options(service));

  const auto models = client.ListModels();

  ASSERT_TRUE(models.ok()) << models.status();
  ASSERT_EQ(models->size(), 2);
  EXPECT_EQ(models->front().state, ModelVersion::State::kReady);
  EXPECT_TRUE(models->front().is_default);
  EXPECT_EQ(models->back().model.version, 8);
  EXPECT_EQ(models->back().state, ModelVersion::State::kFailed);
  EXPECT_THAT(models->back().reason, HasSubstr("not finite"));
}

TEST(ClientCallsTest, ChecksHealth) {
  FakeService service;
  const Client client(Options(service));
  EXPECT_EQ(*client.Health(), ServingStatus::kServing);

  service.SetHealth(grpc::health::v1::HealthCheckResponse::NOT_SERVING);

  EXPECT_EQ(*client.Health("mdn.v1.MdnService"), ServingStatus::kNotServing);
  EXPECT_EQ(client.Health("unknown").status().code(), absl::StatusCode::kNotFound);
}

TEST(ClientCallsTest, KeepsTheServersCodeAndMessage) {
  const FakeService service;
  const Client client(Options(service));

  const absl::Status refused = client.Predict({{}, {{1, 3}, {1, 2, 3}}}).status();

  EXPECT_EQ(refused.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(refused.message(), "x has the shape [1, 3], expected [*, 2]");
  EXPECT_EQ(client.GetModel({"other", 0}).status().code(), absl::StatusCode::kNotFound);
}

TEST(ClientCallsTest, EndsACallAtItsTimeout) {
  FakeService service;
  const Client client(Options(service));
  ASSERT_TRUE(client.GetModel().ok());
  service.HoldCalls();

  // A call for which the machine has no time does not reach the server.
  for (absl::Duration timeout = absl::Seconds(1); service.calls() < 2; timeout *= 2) {
    const auto prediction = client.Predict({{}, {{2, 2}, kX}}, {timeout});
    EXPECT_EQ(prediction.status().code(), absl::StatusCode::kDeadlineExceeded);
  }
  service.WaitForCancelled(1);
}

TEST(ClientCallsTest, WaitsTenSecondsUnlessToldOtherwiseAndNeverForEver) {
  using std::chrono::minutes;
  using std::chrono::seconds;
  using std::chrono::system_clock;
  const FakeService service;
  const Client client(Options(service));

  const auto begin = system_clock::now();
  ASSERT_TRUE(client.Health().ok());
  EXPECT_GT(service.last_deadline(), begin + seconds(9));
  EXPECT_LT(service.last_deadline(), system_clock::now() + seconds(11));

  ASSERT_TRUE(client.Health("", {absl::InfiniteDuration()}).ok());
  EXPECT_GT(service.last_deadline(), system_clock::now() + minutes(50));
  EXPECT_LT(service.last_deadline(), system_clock::now() + minutes(61));
}

TEST(ClientCallsTest, RefusesAnAnswerAboveItsLimit) {
  const FakeService service;
  ClientOptions options = Options(service);
  options.max_response_bytes = 1000;
  const Client client(options);
  const std::vector<float> x(2000);

  const auto prediction = client.Predict({{}, {{1000, 2}, x}});

  EXPECT_EQ(prediction.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(prediction.status().message()), HasSubstr("1000"));
}

TEST(ClientCallsTest, CallsThroughAUnixSocket) {
  const TemporaryDirectory directory;
  const FakeService service({}, absl::StrCat("unix:", directory.Path("socket")));

  EXPECT_TRUE(Client(Options(service)).GetModel().ok());
}

TEST(ClientCallsTest, NeedsAServer) {
  ClientOptions options;
  options.servers = {};

  const absl::Status status = Client(options).GetModel().status();

  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("servers is empty"));
}

}  // namespace
}  // namespace mdn

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "mdn/client.h"
#include "tests/support/fake_service.h"

namespace mdn {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

v1::Tensor TensorOf(const std::vector<int64_t>& shape, int count) {
  v1::Tensor tensor;
  tensor.mutable_shape()->Add(shape.begin(), shape.end());
  tensor.mutable_values()->Resize(count, 1.0f);
  return tensor;
}

const std::vector<float> kRow = {1, 2};

/// What a Predict of one row, K = 2 and D = 3 should answer.
v1::PredictResponse GoodPrediction() {
  v1::PredictResponse response;
  *response.mutable_log_pi() = TensorOf({1, 2}, 2);
  *response.mutable_mu() = TensorOf({1, 2, 3}, 6);
  *response.mutable_sigma() = TensorOf({1, 2, 3}, 6);
  *response.mutable_scale_tril() = TensorOf({1, 2, 3, 3}, 18);
  return response;
}

class ClientResponseTest : public testing::Test {
 protected:
  absl::StatusOr<Prediction> PredictWith(const v1::PredictResponse& response) {
    service_.Answer(response);
    return client_.Predict({{}, {{1, 2}, {1, 2}}});
  }

  FakeService service_;
  const Client client_{[this] {
    ClientOptions options;
    options.servers = {service_.address()};
    return options;
  }()};
};

struct Damage {
  std::string name;
  std::function<void(v1::PredictResponse&)> apply;
  std::string message;
};

class MalformedPredictionTest : public ClientResponseTest,
                                public testing::WithParamInterface<Damage> {};

TEST_P(MalformedPredictionTest, IsAnInternalError) {
  v1::PredictResponse response = GoodPrediction();
  GetParam().apply(response);

  const absl::Status status = PredictWith(response).status();

  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(std::string(status.message()), HasSubstr("malformed: " + GetParam().message));
}

constexpr int64_t kHuge = std::numeric_limits<int64_t>::max() / 2;

INSTANTIATE_TEST_SUITE_P(
    Damages, MalformedPredictionTest,
    testing::Values(
        Damage{"Empty", [](auto& r) { r.Clear(); }, "log_pi has the shape [], but 0 values"},
        Damage{"TooFewValues", [](auto& r) { r.mutable_mu()->mutable_values()->RemoveLast(); },
               "mu has the shape [1, 2, 3], but 5 values and 0 bytes"},
        Damage{"TooManyValues", [](auto& r) { r.mutable_log_pi()->add_values(0); },
               "log_pi has the shape [1, 2], but 3 values"},
        Damage{"BothEncodings", [](auto& r) { r.mutable_mu()->set_raw(std::string(24, '\0')); },
               "mu has the shape [1, 2, 3], but 6 values and 24 bytes"},
        Damage{"NoWholeNumberOfFloats",
               [](auto& r) {
                 r.mutable_mu()->clear_values();
                 r.mutable_mu()->set_raw(std::string(25, '\0'));
               },
               "mu has the shape [1, 2, 3], but 0 values and 25 bytes"},
        Damage{"NegativeSize", [](auto& r) { r.mutable_sigma()->set_shape(1, -2); },
               "sigma has the shape [1, -2, 3]"},
        Damage{"Overflow",
               [](auto& r) {
                 *r.mutable_mu() = TensorOf({1, kHuge, kHuge}, 6);
               },
               "mu has the shape [1, "},
        Damage{"OtherRows",
               [](auto& r) {
                 *r.mutable_log_pi() = TensorOf({2, 2}, 4);
               },
               "log_pi has the shape [2, 2], which fits neither"},
        Damage{"OtherComponents",
               [](auto& r) {
                 *r.mutable_mu() = TensorOf({1, 3, 3}, 9);
               },
               "mu has the shape [1, 3, 3], which fits neither"},
        Damage{"OtherDimensions",
               [](auto& r) {
                 *r.mutable_sigma() = TensorOf({1, 2, 4}, 8);
               },
               "sigma has the shape [1, 2, 4], which fits neither"},
        Damage{"OtherRank",
               [](auto& r) {
                 *r.mutable_scale_tril() = TensorOf({1, 2, 9}, 18);
               },
               "scale_tril has the shape [1, 2, 9], which fits neither"},
        Damage{"NoComponents",
               [](auto& r) {
                 *r.mutable_log_pi() = TensorOf({1, 0}, 0);
               },
               "log_pi has the shape [1, 0], which fits neither"}),
    [](const auto& info) { return info.param.name; });

TEST_F(ClientResponseTest, TakesAWellFormedPrediction) {
  const auto prediction = PredictWith(GoodPrediction());

  ASSERT_TRUE(prediction.ok()) << prediction.status();
  EXPECT_THAT(prediction->scale_tril->shape, ElementsAre(1, 2, 3, 3));
}

TEST_F(ClientResponseTest, ReadsLittleEndianBytes) {
  v1::PredictResponse response = GoodPrediction();
  response.mutable_log_pi()->clear_values();
  response.mutable_log_pi()->set_raw(std::string("\x00\x00\x80\x3f\x00\x00\x00\xc0", 8));

  const auto prediction = PredictWith(response);

  ASSERT_TRUE(prediction.ok()) << prediction.status();
  EXPECT_THAT(prediction->log_pi.values, ElementsAre(1, -2));
}

TEST_F(ClientResponseTest, WantsAsManySamplesAsWereAskedFor) {
  v1::SampleResponse response;
  *response.mutable_samples() = TensorOf({1, 3, 1}, 3);
  service_.Answer(response);
  SampleRequest request;
  request.x = {{1, 2}, kRow};
  request.num_samples = 2;

  const absl::Status status = client_.Sample(request).status();

  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(std::string(status.message()), HasSubstr("samples has the shape [1, 3, 1]"));
}

TEST_F(ClientResponseTest, WantsAComponentForEachSample) {
  v1::SampleResponse response;
  *response.mutable_samples() = TensorOf({1, 2, 1}, 2);
  response.add_components(0);
  service_.Answer(response);
  SampleRequest request;
  request.x = {{1, 2}, kRow};
  request.num_samples = 2;
  request.return_components = true;

  const absl::Status status = client_.Sample(request).status();

  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(std::string(status.message()), HasSubstr("components holds 1 numbers, expected 2"));
}

TEST_F(ClientResponseTest, WantsALogLikelihoodForEachPoint) {
  v1::LogLikelihoodResponse response;
  *response.mutable_log_likelihood() = TensorOf({2}, 2);
  service_.Answer(response);

  const absl::Status status = client_.LogLikelihood({{}, {{1, 2}, {1, 2}}, {{1, 1}, {0}}}).status();

  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(std::string(status.message()), HasSubstr("log_likelihood has the shape [2]"));
}

TEST_F(ClientResponseTest, TakesAStateThatItDoesNotKnowAsUnspecified) {
  v1::ListModelsResponse response;
  response.add_models()->set_state(static_cast<v1::ModelState>(99));
  service_.Answer(response);

  EXPECT_EQ(client_.ListModels()->front().state, ModelVersion::State::kUnspecified);
}

}  // namespace
}  // namespace mdn

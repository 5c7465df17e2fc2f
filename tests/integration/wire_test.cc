#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "model/mixture/density.h"
#include "tests/integration/fake_model_server.h"

namespace mdn {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class WireTest : public testing::Test {
 protected:
  grpc::Status Predict(const v1::PredictRequest& request) {
    grpc::ClientContext context;
    return server_.stub().Predict(&context, request, &prediction_);
  }
  grpc::Status Sample(const v1::SampleRequest& request) {
    grpc::ClientContext context;
    return server_.stub().Sample(&context, request, &samples_);
  }
  grpc::Status LogLikelihood(const v1::LogLikelihoodRequest& request) {
    grpc::ClientContext context;
    return server_.stub().LogLikelihood(&context, request, &log_likelihood_);
  }

  FakeModelServer server_;
  v1::PredictResponse prediction_;
  v1::SampleResponse samples_;
  v1::LogLikelihoodResponse log_likelihood_;
};

TEST_F(WireTest, PredictReturnsTheMixtureOfEachRow) {
  v1::PredictRequest request;
  *request.mutable_x() = Column({10, 20});
  ASSERT_TRUE(Predict(request).ok());
  EXPECT_EQ(prediction_.model().name(), "fake");
  EXPECT_EQ(prediction_.model().version(), 1);
  EXPECT_THAT(prediction_.mu().shape(), ElementsAre(2, 2, 1));
  EXPECT_THAT(prediction_.mu().values(), ElementsAre(10, 11, 20, 21));
  EXPECT_THAT(prediction_.sigma().values(), ElementsAre(1, 0.5, 1, 0.5));
  EXPECT_NEAR(std::exp(prediction_.log_pi().values(0)), 1.0 / 3, 1e-6);
}

TEST_F(WireTest, RawAndValuesCarryTheSameNumbers) {
  v1::PredictRequest request;
  *request.mutable_x() = Column({10, 20});
  request.set_encoding(v1::TENSOR_ENCODING_RAW);
  ASSERT_TRUE(Predict(request).ok());
  EXPECT_EQ(prediction_.mu().values_size(), 0);
  std::vector<float> mu(4);
  ASSERT_EQ(prediction_.mu().raw().size(), 16u);
  std::memcpy(mu.data(), prediction_.mu().raw().data(), 16);
  EXPECT_THAT(mu, ElementsAre(10, 11, 20, 21));

  v1::PredictRequest raw;
  raw.mutable_x()->mutable_shape()->Add(2);
  raw.mutable_x()->mutable_shape()->Add(1);
  const float x[] = {10, 20};
  raw.mutable_x()->set_raw(x, sizeof(x));
  const std::string expected = prediction_.SerializeAsString();
  ASSERT_TRUE(Predict(raw).ok());
  EXPECT_EQ(prediction_.SerializeAsString(), expected);
}

TEST_F(WireTest, SampleReturnsTheSeedThatRepeatsIt) {
  v1::SampleRequest request;
  *request.mutable_x() = Column({10, 20});
  request.set_num_samples(50);
  request.set_return_components(true);
  ASSERT_TRUE(Sample(request).ok());
  EXPECT_THAT(samples_.samples().shape(), ElementsAre(2, 50, 1));
  EXPECT_EQ(samples_.components_size(), 100);
  const std::string first = samples_.SerializeAsString();
  request.set_seed(samples_.seed());
  ASSERT_TRUE(Sample(request).ok());
  EXPECT_EQ(samples_.SerializeAsString(), first);
}

TEST_F(WireTest, TemperaturesOfZeroGiveTheHeaviestMean) {
  v1::SampleRequest request;
  *request.mutable_x() = Column({10});
  request.set_num_samples(3);
  request.set_pi_temperature(0);
  request.set_sigma_scale(0);
  ASSERT_TRUE(Sample(request).ok());
  EXPECT_THAT(samples_.samples().values(), ElementsAre(11, 11, 11));
}

TEST_F(WireTest, LogLikelihoodIsThatOfTheMixture) {
  v1::LogLikelihoodRequest request;
  *request.mutable_x() = Column({10, 20});
  for (const int64_t size : {2, 3, 1}) request.mutable_y()->add_shape(size);
  for (const float y : {9.0f, 10.0f, 11.0f, 20.0f, 21.0f, 1e30f}) {
    request.mutable_y()->add_values(y);
  }
  ASSERT_TRUE(LogLikelihood(request).ok());
  EXPECT_THAT(log_likelihood_.log_likelihood().shape(), ElementsAre(2, 3));
  Mixture mixture;
  ASSERT_TRUE(FakeEngine().Evaluate({10, 20}, 2, mixture).ok());
  std::vector<float> expected(6);
  const auto& y = request.y().values();
  LogDensity(mixture.Row(0), {y.data(), 3}, absl::MakeSpan(expected).first(3));
  LogDensity(mixture.Row(1), {y.data() + 3, 3}, absl::MakeSpan(expected).last(3));
  EXPECT_THAT(log_likelihood_.log_likelihood().values(), testing::ElementsAreArray(expected));
}

TEST_F(WireTest, AnEmptyBatchIsAnEmptyAnswer) {
  v1::PredictRequest request;
  request.mutable_x()->add_shape(0);
  request.mutable_x()->add_shape(1);
  ASSERT_TRUE(Predict(request).ok());
  EXPECT_THAT(prediction_.log_pi().shape(), ElementsAre(0, 2));
  EXPECT_EQ(server_.engine().rows_seen(), 0);
}

TEST_F(WireTest, InvalidRequestsNameTheField) {
  v1::PredictRequest predict;
  *predict.mutable_x() = Column({1});
  predict.mutable_x()->set_shape(1, 2);
  grpc::Status status = Predict(predict);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(status.error_message(), "x: values holds 1 elements; shape [1, 2] expects 2");

  v1::SampleRequest sample;
  *sample.mutable_x() = Column({1});
  sample.set_num_samples(-3);
  status = Sample(sample);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), HasSubstr("num_samples: got -3"));

  v1::LogLikelihoodRequest log_likelihood;
  *log_likelihood.mutable_x() = Column({1});
  *log_likelihood.mutable_y() = Column({std::numeric_limits<float>::quiet_NaN()});
  status = LogLikelihood(log_likelihood);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(status.error_message(), "y: row 0, element 0 is nan; expected a finite number");
}

TEST_F(WireTest, AnUnknownModelOrVersionIsNotFound) {
  v1::PredictRequest request;
  *request.mutable_x() = Column({1});
  request.mutable_model()->set_name("../../etc/passwd");
  grpc::Status status = Predict(request);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(status.error_message(), "model.name: there is no model '../../etc/passwd'");
  request.mutable_model()->set_name("fake");
  request.mutable_model()->set_version(2);
  EXPECT_EQ(Predict(request).error_code(), grpc::StatusCode::NOT_FOUND);
  request.mutable_model()->set_version(-2);
  EXPECT_EQ(Predict(request).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(WireTest, AModelsBrokenNumbersAreInternalAndNameTheRow) {
  server_.engine().BreakRowsThatBeginWith(7);
  v1::PredictRequest request;
  *request.mutable_x() = Column({1, 7});
  const grpc::Status status = Predict(request);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INTERNAL);
  EXPECT_THAT(status.error_message(), HasSubstr("row 1"));
}

TEST_F(WireTest, AFailingEngineTellsNoDetails) {
  server_.engine().FailWith(absl::InternalError("secret detail"));
  v1::PredictRequest request;
  *request.mutable_x() = Column({1});
  const grpc::Status status = Predict(request);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INTERNAL);
  EXPECT_EQ(status.error_message(), "the model could not be evaluated");
}

TEST_F(WireTest, AMessageAboveTheLimitIsRefusedAndTheServerGoesOn) {
  v1::PredictRequest request;
  request.mutable_x()->add_shape(1);
  request.mutable_x()->add_shape(1);
  request.mutable_x()->mutable_raw()->resize(Limits().max_message_bytes);
  EXPECT_EQ(Predict(request).error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  *request.mutable_x() = Column({1});
  EXPECT_TRUE(Predict(request).ok());
}

TEST_F(WireTest, AMessageOfExactlyTheLimitIsRead) {
  v1::PredictRequest request;
  request.mutable_x()->add_shape(1);
  const size_t limit = Limits().max_message_bytes;
  request.mutable_x()->mutable_raw()->resize(limit);
  const size_t excess = request.ByteSizeLong() - limit;
  request.mutable_x()->mutable_raw()->resize(limit - excess);
  ASSERT_EQ(request.ByteSizeLong(), limit);
  EXPECT_EQ(Predict(request).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  request.mutable_x()->mutable_raw()->resize(limit - excess + 1);
  EXPECT_EQ(Predict(request).error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
}

TEST_F(WireTest, CompressedRequestsAreRefusedUnread) {
  v1::PredictRequest request;
  request.mutable_x()->mutable_raw()->resize(1 << 20);
  grpc::ClientContext context;
  context.set_compression_algorithm(GRPC_COMPRESS_GZIP);
  const grpc::Status status = server_.stub().Predict(&context, request, &prediction_);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNIMPLEMENTED);
  EXPECT_THAT(status.error_message(), HasSubstr("gzip"));
}

}  // namespace
}  // namespace mdn

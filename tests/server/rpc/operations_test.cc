#include "server/rpc/operations.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "tests/support/fake_engine.h"

namespace mdn {
namespace {

using ::testing::ElementsAre;

const ModelShape kModel{3, {4, 2, false}, "model", 7};

/// What a caller receives, who has nothing but protobuf.
template <class Response>
Response Received(const WireMessage& message) {
  Response response;
  EXPECT_TRUE(response.ParseFromArray(message.slice().begin(), static_cast<int>(message.bytes())));
  EXPECT_EQ(message.written(), message.bytes());
  return response;
}

/// A message that protobuf would write with the same bytes.
template <class Response>
void ExpectCanonical(const WireMessage& message) {
  const std::string bytes(reinterpret_cast<const char*>(message.slice().begin()), message.bytes());
  EXPECT_EQ(Received<Response>(message).SerializeAsString(), bytes);
}

v1::Tensor Zeros(std::vector<int64_t> shape) {
  v1::Tensor tensor;
  int64_t count = 1;
  for (const int64_t size : shape) count *= size;
  tensor.mutable_shape()->Add(shape.begin(), shape.end());
  tensor.mutable_values()->Resize(static_cast<int>(count), 0.0f);
  return tensor;
}

template <class Operation, class Request>
std::string Error(const Request& request, const Limits& limits = {}) {
  WireMessage response;
  const auto operation = Operation::Create(request, kModel, limits, response);
  EXPECT_EQ(operation.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(operation.status().message());
}

std::string PredictError(std::vector<int64_t> shape, const Limits& limits = {}) {
  v1::PredictRequest request;
  *request.mutable_x() = Zeros(shape);
  return Error<PredictOperation>(request, limits);
}

std::string SampleError(const v1::SampleRequest& request, const Limits& limits = {}) {
  return Error<SampleOperation>(request, limits);
}

std::string LogLikelihoodError(std::vector<int64_t> x, std::vector<int64_t> y) {
  v1::LogLikelihoodRequest request;
  *request.mutable_x() = Zeros(x);
  *request.mutable_y() = Zeros(y);
  return Error<LogLikelihoodOperation>(request);
}

v1::SampleRequest SampleOf(std::vector<int64_t> x, int64_t num_samples) {
  v1::SampleRequest request;
  *request.mutable_x() = Zeros(x);
  request.set_num_samples(num_samples);
  return request;
}

/// The response to `request` at a model of `components` components.
template <class Operation, class Request>
WireMessage Answer(const Request& request, int64_t components) {
  const FakeEngine engine(3, {components, 2, false});
  WireMessage response;
  auto operation = Operation::Create(request, {3, engine.shape(), "model", 7}, {}, response);
  EXPECT_TRUE(operation.ok());
  const int64_t rows = operation->rows().count();
  Mixture mixture;
  EXPECT_TRUE(engine.Evaluate(operation->rows().x(), rows, mixture).ok());
  operation->Consume(mixture, 0, 0, rows);
  return response;
}

TEST(PredictOperationTest, WritesWhatProtobufWould) {
  v1::PredictRequest request;
  *request.mutable_x() = Zeros({70, 3});
  for (const auto encoding : {v1::TENSOR_ENCODING_VALUES, v1::TENSOR_ENCODING_RAW}) {
    request.set_encoding(encoding);
    const WireMessage message = Answer<PredictOperation>(request, 4);
    ExpectCanonical<v1::PredictResponse>(message);
    EXPECT_EQ(Received<v1::PredictResponse>(message).model().name(), "model");
  }
}

TEST(PredictOperationTest, KeepsLeadingDimensions) {
  v1::PredictRequest request;
  WireMessage response;
  *request.mutable_x() = Zeros({2, 5, 3});
  const auto operation = PredictOperation::Create(request, kModel, {}, response);
  ASSERT_TRUE(operation.ok());
  EXPECT_EQ(operation->rows().count(), 10);
  EXPECT_THAT(Received<v1::PredictResponse>(response).log_pi().shape(), ElementsAre(2, 5, 4));
  EXPECT_THAT(Received<v1::PredictResponse>(response).mu().shape(), ElementsAre(2, 5, 4, 2));
  EXPECT_THAT(Received<v1::PredictResponse>(response).sigma().shape(), ElementsAre(2, 5, 4, 2));
  EXPECT_FALSE(Received<v1::PredictResponse>(response).has_scale_tril());
}

TEST(PredictOperationTest, TakesASingleRowWithoutLeadingDimensions) {
  v1::PredictRequest request;
  WireMessage response;
  *request.mutable_x() = Zeros({3});
  const auto operation = PredictOperation::Create(request, kModel, {}, response);
  ASSERT_TRUE(operation.ok());
  EXPECT_EQ(operation->rows().count(), 1);
  EXPECT_THAT(Received<v1::PredictResponse>(response).log_pi().shape(), ElementsAre(4));
}

TEST(PredictOperationTest, ReturnsTheFactorOfAFullCovariance) {
  v1::PredictRequest request;
  WireMessage response;
  *request.mutable_x() = Zeros({1, 3});
  const FakeEngine engine(3, {4, 2, true});
  auto operation = PredictOperation::Create(request, {3, engine.shape(), "", 0}, {}, response);
  ASSERT_TRUE(operation.ok());
  Mixture mixture;
  ASSERT_TRUE(engine.Evaluate(operation->rows().x(), 1, mixture).ok());
  operation->Consume(mixture, 0, 0, 1);
  EXPECT_THAT(Received<v1::PredictResponse>(response).scale_tril().shape(),
              ElementsAre(1, 4, 2, 2));
  EXPECT_THAT(Received<v1::PredictResponse>(response).scale_tril().values(),
              testing::ElementsAreArray(mixture.scale_tril));
}

TEST(PredictOperationTest, PlacesEachSliceAtItsRows) {
  v1::PredictRequest request;
  WireMessage response;
  *request.mutable_x() = Zeros({3, 1});
  for (int i = 0; i < 3; ++i) request.mutable_x()->set_values(i, static_cast<float>(10 * i));
  const FakeEngine engine;
  auto operation = PredictOperation::Create(request, {1, engine.shape(), "", 0}, {}, response);
  ASSERT_TRUE(operation.ok());
  Mixture mixture;
  ASSERT_TRUE(engine.Evaluate({99, 10, 20}, 3, mixture).ok());
  operation->Consume(mixture, 1, 1, 2);
  ASSERT_TRUE(engine.Evaluate({0}, 1, mixture).ok());
  operation->Consume(mixture, 0, 0, 1);
  EXPECT_THAT(Received<v1::PredictResponse>(response).mu().values(),
              ElementsAre(0, 1, 10, 11, 20, 21));
}

TEST(PredictOperationTest, AnEmptyBatchIsAnEmptyAnswer) {
  v1::PredictRequest request;
  WireMessage response;
  *request.mutable_x() = Zeros({0, 3});
  const auto operation = PredictOperation::Create(request, kModel, {}, response);
  ASSERT_TRUE(operation.ok());
  EXPECT_TRUE(operation->empty());
  EXPECT_THAT(Received<v1::PredictResponse>(response).mu().shape(), ElementsAre(0, 4, 2));
}

TEST(PredictOperationTest, RefusesAShapeThatDoesNotEndWithDimIn) {
  const std::string expected = "; expected [*, 3], whose last dimension is the model's dim_in";
  EXPECT_EQ(PredictError({7, 2}), "x: got shape [7, 2]" + expected);
  EXPECT_EQ(PredictError({}), "x: got shape []" + expected);
  EXPECT_EQ(PredictError({3, 0}), "x: got shape [3, 0]" + expected);
}

TEST(PredictOperationTest, BoundsRowsOnBothSidesOfTheLimit) {
  Limits limits;
  limits.max_request_rows = 8;
  EXPECT_EQ(PredictError({9, 3}, limits), "x: got 9 rows; at most max_request_rows = 8");
  v1::PredictRequest request;
  WireMessage response;
  *request.mutable_x() = Zeros({8, 3});
  EXPECT_TRUE(PredictOperation::Create(request, kModel, limits, response).ok());
}

TEST(PredictOperationTest, BoundsTheResponseOnBothSidesOfTheLimit) {
  Limits limits;
  limits.max_message_bytes = 1024 + 4 * 20 * 10;  // 20 numbers a row.
  EXPECT_EQ(PredictError({11, 3}, limits),
            "x: the response would hold 220 numbers; at most 200 fit into max_message_bytes = "
            "1824, so ask for fewer rows or samples at a time");
  v1::PredictRequest request;
  WireMessage response;
  *request.mutable_x() = Zeros({10, 3});
  ASSERT_TRUE(PredictOperation::Create(request, kModel, limits, response).ok());
  EXPECT_LE(response.bytes(), static_cast<size_t>(limits.max_message_bytes));
}

TEST(SampleOperationTest, ShapesSamplesAndComponents) {
  v1::SampleRequest request = SampleOf({5, 3}, 7);
  request.set_return_components(true);
  const WireMessage message = Answer<SampleOperation>(request, 4);
  const auto response = Received<v1::SampleResponse>(message);
  EXPECT_THAT(response.samples().shape(), ElementsAre(5, 7, 2));
  EXPECT_EQ(response.components_size(), 35);
  EXPECT_EQ(response.model().name(), "model");
  EXPECT_EQ(response.model().version(), 7);
  ExpectCanonical<v1::SampleResponse>(message);
}

TEST(SampleOperationTest, TellsComponentsThatNeedTwoBytes) {
  v1::SampleRequest request = SampleOf({2, 3}, 500);
  request.set_seed(1);
  request.set_return_components(true);
  request.set_sigma_scale(0);
  const auto response = Received<v1::SampleResponse>(Answer<SampleOperation>(request, 300));
  ASSERT_EQ(response.components_size(), 1000);
  EXPECT_THAT(response.components(), testing::Contains(testing::Gt(128)));
  EXPECT_THAT(response.components(), testing::Contains(testing::Lt(128)));
  for (int i = 0; i < 1000; ++i) {  // The means at x = 0.
    EXPECT_EQ(response.samples().values(2 * i), static_cast<float>(response.components(i)));
  }
}

TEST(SampleOperationTest, ZeroSamplesMeansOne) {
  WireMessage response;
  ASSERT_TRUE(SampleOperation::Create(SampleOf({3}, 0), kModel, {}, response).ok());
  EXPECT_THAT(Received<v1::SampleResponse>(response).samples().shape(), ElementsAre(1, 2));
}

TEST(SampleOperationTest, UsesTheGivenSeedAndElseDrawsOne) {
  v1::SampleRequest request = SampleOf({3}, 1);
  WireMessage first, second, seeded;
  ASSERT_TRUE(SampleOperation::Create(request, kModel, {}, first).ok());
  ASSERT_TRUE(SampleOperation::Create(request, kModel, {}, second).ok());
  EXPECT_NE(Received<v1::SampleResponse>(first).seed(),
            Received<v1::SampleResponse>(second).seed());
  request.set_seed(0);
  ASSERT_TRUE(SampleOperation::Create(request, kModel, {}, seeded).ok());
  EXPECT_EQ(Received<v1::SampleResponse>(seeded).seed(), 0u);
}

TEST(SampleOperationTest, RefusesNumbersOfSamplesOutOfBounds) {
  EXPECT_EQ(SampleError(SampleOf({3}, -1)), "num_samples: got -1; expected at least 1, or 0 for 1");
  EXPECT_EQ(SampleError(SampleOf({2, 3}, 500'001)),
            "num_samples: 2 rows times 500001 is more than max_samples_per_request = 1000000");
  EXPECT_EQ(SampleError(SampleOf({2, 3}, std::numeric_limits<int64_t>::max())),
            "num_samples: 2 rows times 9223372036854775807 is more than max_samples_per_request = "
            "1000000");
  EXPECT_EQ(SampleError(SampleOf({0, 3}, std::numeric_limits<int64_t>::max())).substr(0, 11),
            "num_samples");
}

TEST(SampleOperationTest, BoundsTheResponseExactly) {
  Limits limits;
  limits.max_message_bytes = 1024 + 4 * 3 * 100;
  v1::SampleRequest request = SampleOf({1, 3}, 100);
  request.set_return_components(true);
  WireMessage response;
  ASSERT_TRUE(SampleOperation::Create(request, kModel, limits, response).ok());
  request.set_num_samples(101);
  EXPECT_EQ(SampleError(request, limits),
            "x: the response would hold 303 numbers; at most 300 fit into max_message_bytes = "
            "2224, so ask for fewer rows or samples at a time");
}

TEST(SampleOperationTest, RefusesTemperaturesThatAreNone) {
  v1::SampleRequest request = SampleOf({3}, 1);
  request.set_pi_temperature(-0.5f);
  EXPECT_EQ(SampleError(request), "pi_temperature: got -0.5; expected a finite number, at least 0");
  request.set_pi_temperature(1);
  request.set_sigma_scale(std::numeric_limits<float>::infinity());
  EXPECT_EQ(SampleError(request), "sigma_scale: got inf; expected a finite number, at least 0");
}

TEST(LogLikelihoodOperationTest, TakesOneYForEachX) {
  v1::LogLikelihoodRequest request;
  WireMessage response;
  *request.mutable_x() = Zeros({2, 5, 3});
  *request.mutable_y() = Zeros({2, 5, 2});
  ASSERT_TRUE(LogLikelihoodOperation::Create(request, kModel, {}, response).ok());
  EXPECT_THAT(Received<v1::LogLikelihoodResponse>(response).log_likelihood().shape(),
              ElementsAre(2, 5));
}

TEST(LogLikelihoodOperationTest, WritesTheNumbersInPlace) {
  v1::LogLikelihoodRequest request;
  *request.mutable_x() = Zeros({2, 3});
  *request.mutable_y() = Zeros({2, 5, 2});
  const WireMessage message = Answer<LogLikelihoodOperation>(request, 1);
  ExpectCanonical<v1::LogLikelihoodResponse>(message);
  const float at_its_mean = -std::log(2 * static_cast<float>(M_PI));
  EXPECT_THAT(Received<v1::LogLikelihoodResponse>(message).log_likelihood().values(),
              testing::AllOf(testing::SizeIs(10), testing::Each(testing::FloatEq(at_its_mean))));
}

TEST(LogLikelihoodOperationTest, TakesManyYForEachX) {
  v1::LogLikelihoodRequest request;
  WireMessage response;
  *request.mutable_x() = Zeros({5, 3});
  *request.mutable_y() = Zeros({5, 11, 2});
  ASSERT_TRUE(LogLikelihoodOperation::Create(request, kModel, {}, response).ok());
  EXPECT_THAT(Received<v1::LogLikelihoodResponse>(response).log_likelihood().shape(),
              ElementsAre(5, 11));
}

TEST(LogLikelihoodOperationTest, OneRowWithoutLeadingDimensionsGivesAScalar) {
  v1::LogLikelihoodRequest request;
  WireMessage response;
  *request.mutable_x() = Zeros({3});
  *request.mutable_y() = Zeros({2});
  ASSERT_TRUE(LogLikelihoodOperation::Create(request, kModel, {}, response).ok());
  EXPECT_EQ(Received<v1::LogLikelihoodResponse>(response).log_likelihood().shape_size(), 0);
  EXPECT_EQ(Received<v1::LogLikelihoodResponse>(response).log_likelihood().values_size(), 1);
}

/// Limits under which `numbers` fit into a message.
Limits RoomFor(int64_t numbers) {
  Limits limits;
  limits.max_message_bytes = 1024 + 4 * numbers;
  return limits;
}

TEST(LogLikelihoodOperationTest, WhatIsTooLargeComesInParts) {
  v1::LogLikelihoodRequest request;
  *request.mutable_x() = Zeros({2, 3});
  *request.mutable_y() = Zeros({2, 5, 2});
  for (int i = 0; i < 20; ++i) request.mutable_y()->set_values(i, 0.1f * i);
  const auto whole =
      Received<v1::LogLikelihoodResponse>(Answer<LogLikelihoodOperation>(request, 4));
  const FakeEngine engine(3, kModel.mixture);
  AnswerProgress progress;
  std::vector<int64_t> sizes;
  std::vector<float> joined;
  do {
    WireMessage message;
    auto operation =
        LogLikelihoodOperation::Create(request, kModel, RoomFor(8), message, &progress);
    ASSERT_TRUE(operation.ok());
    Mixture mixture;
    ASSERT_TRUE(engine.Evaluate(operation->rows().x(), 1, mixture).ok());
    operation->Consume(mixture, 0, 0, 1);
    const v1::Tensor part = Received<v1::LogLikelihoodResponse>(message).log_likelihood();
    EXPECT_EQ(part.shape(0), 1);
    sizes.push_back(part.shape(1));
    joined.insert(joined.end(), part.values().begin(), part.values().end());
  } while (progress.more);
  EXPECT_THAT(sizes, ElementsAre(2, 2, 1, 2, 2, 1));
  EXPECT_THAT(joined, testing::ElementsAreArray(whole.log_likelihood().values()));
}

TEST(PredictOperationTest, ARowThatFitsIntoNoMessageIsRefusedInPartsToo) {
  v1::PredictRequest request;
  *request.mutable_x() = Zeros({2, 3});
  AnswerProgress progress;
  WireMessage message;
  const auto operation = PredictOperation::Create(request, kModel, RoomFor(19), message, &progress);
  EXPECT_EQ(operation.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(PredictOperation::Create(request, kModel, RoomFor(20), message, &progress).ok());
  EXPECT_TRUE(progress.more);
}

TEST(LogLikelihoodOperationTest, NoPointsNeedNoEvaluation) {
  v1::LogLikelihoodRequest request;
  WireMessage response;
  *request.mutable_x() = Zeros({5, 3});
  *request.mutable_y() = Zeros({5, 0, 2});
  const auto operation = LogLikelihoodOperation::Create(request, kModel, {}, response);
  ASSERT_TRUE(operation.ok());
  EXPECT_TRUE(operation->empty());
  EXPECT_THAT(Received<v1::LogLikelihoodResponse>(response).log_likelihood().shape(),
              ElementsAre(5, 0));
}

TEST(LogLikelihoodOperationTest, RefusesYThatDoesNotFitX) {
  const std::string expected = "; expected [5, 2], or [M, 2] after the leading dimensions [5] of x";
  EXPECT_EQ(LogLikelihoodError({5, 3}, {5}), "y: got shape [5]" + expected);
  EXPECT_EQ(LogLikelihoodError({5, 3}, {5, 3}), "y: got shape [5, 3]" + expected);
  EXPECT_EQ(LogLikelihoodError({5, 3}, {4, 2}), "y: got shape [4, 2]" + expected);
  EXPECT_EQ(LogLikelihoodError({5, 3}, {5, 1, 1, 2}), "y: got shape [5, 1, 1, 2]" + expected);
  EXPECT_EQ(LogLikelihoodError({5, 3}, {}), "y: got shape []" + expected);
}

TEST(LogLikelihoodOperationTest, RefusesTooManyPoints) {
  v1::LogLikelihoodRequest request;
  *request.mutable_x() = Zeros({10, 3});
  *request.mutable_y() = Zeros({10, 3, 2});
  Limits limits;
  limits.max_samples_per_request = 29;
  EXPECT_EQ(Error<LogLikelihoodOperation>(request, limits),
            "y: 10 rows times 3 is more than max_samples_per_request = 29");
}

}  // namespace
}  // namespace mdn

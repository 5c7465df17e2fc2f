#include "server/rpc/tensor_codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <limits>
#include <string>
#include <vector>

namespace mdn {
namespace {

using ::testing::ElementsAre;

v1::Tensor Values(std::vector<int64_t> shape, std::vector<float> values) {
  v1::Tensor tensor;
  tensor.mutable_shape()->Add(shape.begin(), shape.end());
  tensor.mutable_values()->Add(values.begin(), values.end());
  return tensor;
}

v1::Tensor Raw(std::vector<int64_t> shape, std::vector<float> values) {
  v1::Tensor tensor = Values(shape, {});
  tensor.set_raw(std::string(reinterpret_cast<const char*>(values.data()), 4 * values.size()));
  return tensor;
}

std::string ReadError(const v1::Tensor& tensor) {
  const auto reader = TensorReader::Read("x", tensor);
  EXPECT_EQ(reader.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(reader.status().message());
}

TEST(TensorReaderTest, ReadsValuesInPlace) {
  const v1::Tensor tensor = Values({2, 1}, {1.5f, -2.0f});
  const auto reader = TensorReader::Read("x", tensor);
  ASSERT_TRUE(reader.ok());
  EXPECT_THAT(reader->shape(), ElementsAre(2, 1));
  EXPECT_EQ(reader->values().data(), tensor.values().data());
}

TEST(TensorReaderTest, ReadsRawAfterAMove) {
  auto reader = TensorReader::Read("x", Raw({3}, {1.5f, -2.0f, 0.25f}));
  ASSERT_TRUE(reader.ok());
  const TensorReader moved = *std::move(reader);
  EXPECT_THAT(moved.values(), ElementsAre(1.5f, -2.0f, 0.25f));
}

TEST(TensorReaderTest, AZeroInTheShapeIsAnEmptyTensor) {
  const int64_t huge = std::numeric_limits<int64_t>::max();
  EXPECT_TRUE(TensorReader::Read("x", Values({0, 3}, {})).ok());
  EXPECT_TRUE(TensorReader::Read("x", Values({huge, huge, 0}, {})).ok());
}

TEST(TensorReaderTest, RefusesBothAndNeither) {
  v1::Tensor both = Values({1}, {1});
  both.set_raw("1234");
  EXPECT_EQ(ReadError(both), "x: both values and raw are filled; expected exactly one of them");
  EXPECT_EQ(ReadError(Values({2, 3}, {})),
            "x: neither values nor raw is filled; shape [2, 3] expects 6 elements");
  EXPECT_EQ(ReadError(v1::Tensor()),
            "x: neither values nor raw is filled; shape [] expects 1 elements");
}

TEST(TensorReaderTest, RefusesACountThatDoesNotFitTheShape) {
  EXPECT_EQ(ReadError(Values({2, 3}, {1, 2, 3, 4, 5})),
            "x: values holds 5 elements; shape [2, 3] expects 6");
  EXPECT_EQ(ReadError(Values({0, 3}, {1})), "x: values holds 1 elements; shape [0, 3] expects 0");
  EXPECT_EQ(ReadError(Raw({3}, {1, 2})),
            "x: raw holds 8 bytes; shape [3] expects 3 elements of 4 bytes");
}

TEST(TensorReaderTest, RefusesRawOfOddLength) {
  v1::Tensor tensor = Values({1}, {});
  tensor.set_raw("12345");
  EXPECT_EQ(ReadError(tensor), "x: raw holds 5 bytes; shape [1] expects 1 elements of 4 bytes");
}

TEST(TensorReaderTest, RefusesNegativeDimensions) {
  EXPECT_EQ(ReadError(Values({-1, 3}, {1})), "x: shape [-1, 3] has a negative dimension");
  EXPECT_EQ(ReadError(Values({-1, -1}, {1})), "x: shape [-1, -1] has a negative dimension");
}

TEST(TensorReaderTest, RefusesAProductThatOverflows) {
  const int64_t half = int64_t{1} << 32;
  EXPECT_EQ(ReadError(Values({half, half}, {1})),
            "x: shape [4294967296, 4294967296] has more elements than 2^63 - 1");
  EXPECT_EQ(ReadError(Values({half, half, half, half}, {})).substr(0, 8), "x: shape");
}

TEST(TensorReaderTest, RefusesTooManyDimensions) {
  EXPECT_EQ(ReadError(Values(std::vector<int64_t>(33, 1), {1})),
            "x: shape has 33 dimensions; expected at most 32");
}

TEST(TensorReaderTest, NamesThePositionOfANumberThatIsNotFinite) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float inf = std::numeric_limits<float>::infinity();
  EXPECT_EQ(ReadError(Values({2, 2}, {1, 2, 3, nan})),
            "x: row 1, element 1 is nan; expected a finite number");
  EXPECT_EQ(ReadError(Raw({1, 2}, {inf, 0})),
            "x: row 0, element 0 is inf; expected a finite number");
  EXPECT_EQ(ReadError(Values({1}, {-inf})),
            "x: row 0, element 0 is -inf; expected a finite number");
}

TEST(TensorReaderTest, FindsEveryNumberThatIsNotFiniteAtEveryPosition) {
  const float inf = std::numeric_limits<float>::infinity();
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), inf, -inf}) {
    for (int i = 0; i < 6; ++i) {
      std::vector<float> values = {1, -2, 0, std::numeric_limits<float>::max(), 1e-45f, -0.0f};
      ASSERT_TRUE(TensorReader::Read("x", Values({2, 3}, values)).ok());
      values[i] = bad;
      const std::string place =
          "x: row " + std::to_string(i / 3) + ", element " + std::to_string(i % 3) + " is ";
      EXPECT_EQ(ReadError(Values({2, 3}, values)).substr(0, place.size()), place);
      EXPECT_EQ(ReadError(Raw({2, 3}, values)).substr(0, place.size()), place);
    }
  }
}

TEST(ResponseEncodingTest, FollowsTheRequestOrX) {
  const v1::Tensor values = Values({1}, {1});
  const v1::Tensor raw = Raw({1}, {1});
  EXPECT_EQ(*ResponseEncoding(v1::TENSOR_ENCODING_UNSPECIFIED, values), v1::TENSOR_ENCODING_VALUES);
  EXPECT_EQ(*ResponseEncoding(v1::TENSOR_ENCODING_UNSPECIFIED, raw), v1::TENSOR_ENCODING_RAW);
  EXPECT_EQ(*ResponseEncoding(v1::TENSOR_ENCODING_RAW, values), v1::TENSOR_ENCODING_RAW);
  EXPECT_EQ(*ResponseEncoding(v1::TENSOR_ENCODING_VALUES, raw), v1::TENSOR_ENCODING_VALUES);
  EXPECT_EQ(
      ResponseEncoding(static_cast<v1::TensorEncoding>(7), values).status(),
      absl::InvalidArgumentError("encoding: got 7; expected 0 (as x), 1 (values) or 2 (raw)"));
}

}  // namespace
}  // namespace mdn

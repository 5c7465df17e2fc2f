#include "server/rpc/wire_message.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <limits>
#include <string>
#include <vector>

namespace mdn {
namespace {

std::string Bytes(const WireMessage& message) {
  EXPECT_EQ(message.written(), message.bytes());
  return {reinterpret_cast<const char*>(message.slice().begin()), message.bytes()};
}

v1::Tensor Tensor(std::vector<int64_t> shape, std::vector<float> values) {
  v1::Tensor tensor;
  tensor.mutable_shape()->Add(shape.begin(), shape.end());
  tensor.mutable_values()->Add(values.begin(), values.end());
  return tensor;
}

std::string LogPiOnWire(const std::vector<int64_t>& shape, const std::vector<float>& values,
                        v1::TensorEncoding encoding) {
  WireMessage message;
  message.Allocate(TensorShape(shape).field_bytes());
  char* const numbers =
      message.WriteTensor(v1::PredictResponse::kLogPiFieldNumber, TensorShape(shape), encoding);
  if (!values.empty()) std::memcpy(numbers, values.data(), values.size() * sizeof(float));
  return Bytes(message);
}

std::string SpecOnWire(const std::string& name, int64_t version) {
  WireMessage message;
  message.Allocate(SpecFieldBytes(name, version));
  message.WriteSpec(v1::PredictResponse::kModelFieldNumber, name, version);
  return Bytes(message);
}

TEST(WireMessageTest, WritesTensorsAsProtobufDoes) {
  const std::vector<std::vector<int64_t>> shapes = {{},    {1},       {3},    {2, 2}, {127},
                                                    {128}, {300, 20}, {0, 4}, {5, 0}, {1, 1, 1, 1}};
  for (const std::vector<int64_t>& shape : shapes) {
    std::vector<float> values(TensorShape(shape).numbers());
    for (size_t i = 0; i < values.size(); ++i) values[i] = 0.25f * static_cast<float>(i) - 1;
    v1::PredictResponse expected;
    *expected.mutable_log_pi() = Tensor(shape, values);
    EXPECT_EQ(LogPiOnWire(shape, values, v1::TENSOR_ENCODING_VALUES), expected.SerializeAsString());
    expected.mutable_log_pi()->clear_values();
    expected.mutable_log_pi()->set_raw(
        std::string(reinterpret_cast<const char*>(values.data()), 4 * values.size()));
    EXPECT_EQ(LogPiOnWire(shape, values, v1::TENSOR_ENCODING_RAW), expected.SerializeAsString());
  }
}

TEST(WireMessageTest, WritesSpecsAsProtobufDoes) {
  for (const std::string& name : {std::string(), std::string("m"), std::string(200, 'n')}) {
    for (const int64_t version : {int64_t{0}, int64_t{1}, std::numeric_limits<int64_t>::max()}) {
      v1::PredictResponse expected;
      expected.mutable_model()->set_name(name);
      expected.mutable_model()->set_version(version);
      EXPECT_EQ(SpecOnWire(name, version), expected.SerializeAsString());
    }
  }
}

TEST(WireMessageTest, WritesVarintsAsProtobufDoes) {
  for (const uint64_t seed : {uint64_t{0}, uint64_t{127}, uint64_t{128}, ~uint64_t{0}}) {
    WireMessage message;
    message.Allocate(VarintFieldBytes(seed));
    message.WriteVarint(v1::SampleResponse::kSeedFieldNumber, seed);
    v1::SampleResponse expected;
    expected.set_seed(seed);
    EXPECT_EQ(Bytes(message), expected.SerializeAsString());
  }
}

TEST(WireMessageTest, AlignsTheByteThatIsAskedFor) {
  for (size_t aligned = 0; aligned < 9; ++aligned) {
    WireMessage message;
    message.Allocate(40, aligned);
    EXPECT_EQ(message.bytes(), 40u);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(message.slice().begin() + aligned) % alignof(float), 0u);
  }
}

TEST(WireMessageTest, PlacesStayWhenTheMessageMoves) {
  WireMessage message;
  message.Allocate(BytesFieldBytes(1));
  char* const place = message.WriteBytes(v1::SampleResponse::kComponentsFieldNumber, 1);
  const WireMessage moved = std::move(message);
  *place = 2;
  v1::SampleResponse response;
  ASSERT_TRUE(response.ParseFromString(Bytes(moved)));
  EXPECT_THAT(response.components(), testing::ElementsAre(2));
}

TEST(WireMessageTest, ProtobufReadsPaddedVarints) {
  const int width = VarintWidth(20'000);
  EXPECT_EQ(width, 3);
  const std::vector<uint32_t> values = {0, 1, 127, 128, 20'000};
  WireMessage message;
  message.Allocate(BytesFieldBytes(width * values.size()));
  char* place =
      message.WriteBytes(v1::SampleResponse::kComponentsFieldNumber, width * values.size());
  for (const uint32_t value : values) {
    WritePaddedVarint(value, width, place);
    place += width;
  }
  v1::SampleResponse response;
  ASSERT_TRUE(response.ParseFromString(Bytes(message)));
  EXPECT_THAT(response.components(), testing::ElementsAreArray(values));
}

TEST(WireMessageTest, GrpcSendsTheMemoryItself) {
  WireMessage message;
  message.Allocate(1000);
  grpc::ByteBuffer buffer;
  bool own_buffer = false;
  ASSERT_TRUE(
      grpc::SerializationTraits<WireMessage>::Serialize(message, &buffer, &own_buffer).ok());
  grpc::Slice slice;
  ASSERT_TRUE(buffer.TrySingleSlice(&slice).ok());
  EXPECT_EQ(slice.begin(), message.slice().begin());
  EXPECT_EQ(slice.size(), 1000u);
  EXPECT_TRUE(own_buffer);
}

}  // namespace
}  // namespace mdn

#include "model/checkpoint/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/model/checkpoint/checkpoint_files.h"
#include "tests/model/checkpoint/fails.h"

namespace mdn {
namespace {

using ::testing::ElementsAre;

absl::StatusOr<Checkpoint> Parse(const std::string& bytes, const LoadOptions& options = {}) {
  return ParseCheckpoint(bytes, "model.safetensors", options);
}

TEST(SafetensorsTest, GoldenWeightsMakeTheRoundTrip) {
  const Checkpoint golden = LoadCheckpoint(GoldenPath("small_diagonal.pt"), {}).value();
  const auto checkpoint =
      Parse(SafetensorsOf(golden.tensors, {{"noise_type", "diagonal"}, {"dim_out", "2"}}));
  ASSERT_THAT(checkpoint, Loads());
  EXPECT_EQ(checkpoint->format, CheckpointFormat::kSafetensors);
  EXPECT_EQ(checkpoint->config.n_components, 4);
  for (const auto& [name, tensor] : golden.tensors) {
    EXPECT_EQ(checkpoint->tensors.at(name).shape, tensor.shape);
    EXPECT_EQ(checkpoint->tensors.at(name).values, tensor.values);
  }
}

TEST(SafetensorsTest, MetadataIsTheConfiguration) {
  const auto checkpoint =
      Parse(SafetensorsOf(NetworkOf(2, 3, 2, 6), {{"format", "pt"},
                                                  {"noise_type", "\"isotropic\""},
                                                  {"isotropic_layout", "\"per_component\""},
                                                  {"x_shift", "[0.5, 1]"},
                                                  {"source", "\"mdn_train\""}}));
  ASSERT_THAT(checkpoint, Loads());
  EXPECT_EQ(checkpoint->config.noise_type, NoiseType::kIsotropic);
  EXPECT_EQ(checkpoint->config.isotropic_layout, IsotropicLayout::kPerComponent);
  EXPECT_EQ(checkpoint->config.dim_out, 2);
  EXPECT_THAT(checkpoint->config.x_shift, ElementsAre(0.5, 1));
  EXPECT_EQ(checkpoint->config.source, "mdn_train");
}

TEST(SafetensorsTest, PrefixesAreStripped) {
  std::map<std::string, Tensor> tensors;
  for (const auto& [name, tensor] : NetworkOf(2, 3, 2, 5)) tensors["module." + name] = tensor;
  EXPECT_THAT(Parse(SafetensorsOf(tensors, {})), Loads());
}

TEST(SafetensorsTest, OtherTensorsAreRefused) {
  auto tensors = NetworkOf(2, 3, 2, 5);
  tensors["encoder.weight"] = tensors["pi_network.0.weight"];
  EXPECT_THAT(Parse(SafetensorsOf(tensors, {})), Refused("encoder.weight"));
}

TEST(SafetensorsTest, TensorsMayStandInAnyOrder) {
  const auto stored = ReadSafetensors(SafetensorsFile(
      R"({"b": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]},
          "a": {"dtype": "BF16", "shape": [2], "data_offsets": [4, 8]}}   )",
      "bbbbaaaa"));
  ASSERT_THAT(stored, Loads());
  EXPECT_EQ(stored->tensors.at("a").dtype, Dtype::kBfloat16);
}

TEST(SafetensorsTest, ReadsEachTensorsOwnBytes) {
  const std::string file = SafetensorsFile(
      R"({"b": {"dtype": "F64", "shape": [1], "data_offsets": [0, 8]},
          "empty": {"dtype": "F32", "shape": [3, 0], "data_offsets": [8, 8]},
          "a": {"dtype": "F16", "shape": [], "data_offsets": [8, 10]}})",
      "bbbbbbbbaa");
  const auto stored = ReadSafetensors(file);
  ASSERT_THAT(stored, Loads());
  EXPECT_EQ(stored->read_storage("a").value(), "aa");
  EXPECT_EQ(stored->read_storage("b").value(), "bbbbbbbb");
  EXPECT_EQ(stored->read_storage("empty").value(), "");
}

struct HeaderCase {
  std::string header;
  std::string data;
  std::string message;
};

// One tensor "w" with these members.
std::string OneTensor(const std::string& dtype, const std::string& shape,
                      const std::string& offsets) {
  return absl::StrCat(R"({"w":{"dtype":)", dtype, R"(,"shape":)", shape, R"(,"data_offsets":)",
                      offsets, "}}");
}

class SafetensorsRuleTest : public ::testing::TestWithParam<HeaderCase> {};

TEST_P(SafetensorsRuleTest, IsKept) {
  EXPECT_THAT(ReadSafetensors(SafetensorsFile(GetParam().header, GetParam().data)),
              Refused(GetParam().message));
}

constexpr char kEight[] = "12345678";

INSTANTIATE_TEST_SUITE_P(
    Header, SafetensorsRuleTest,
    ::testing::Values(
        HeaderCase{"", "", "the header does not begin with {"},
        HeaderCase{" {}", "", "the header does not begin with {"},
        HeaderCase{"[]", "", "the header does not begin with {"},
        HeaderCase{"{", "", "the header is no JSON"},
        HeaderCase{"{} x", "", "the header is no JSON"},
        HeaderCase{std::string("{}\0", 3), "", "the header is no JSON: it has a NUL byte"},
        HeaderCase{"{\"\xff\": 1}", "", "the header is no JSON"},
        HeaderCase{"{" + std::string(1000, '[') + "}", "", "the header is no JSON"},
        HeaderCase{R"({"a":1,"a":1})", "", "the header has the key a twice"},
        HeaderCase{R"({"w":{"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]}})",
                   kEight, "has the key dtype twice"},
        HeaderCase{R"({"w":1})", "", "tensor w needs exactly dtype, shape and data_offsets"},
        HeaderCase{R"({"w":{"dtype":"F32","shape":[2]}})", kEight, "tensor w needs exactly"},
        HeaderCase{R"({"\u0000":1})", "", R"(tensor \x00 needs exactly)"},
        HeaderCase{OneTensor(R"("I64")", "[1]", "[0,8]"), kEight,
                   R"(tensor w has dtype "I64", expected F32, F64, F16 or BF16)"},
        HeaderCase{OneTensor(R"("f32")", "[2]", "[0,8]"), kEight, "tensor w has dtype"},
        HeaderCase{OneTensor("1", "[2]", "[0,8]"), kEight, "tensor w has dtype 1"},
        HeaderCase{OneTensor(R"("")", "[2]", "[0,8]"), kEight, "tensor w has dtype"}));

INSTANTIATE_TEST_SUITE_P(
    Tensor, SafetensorsRuleTest,
    ::testing::Values(
        HeaderCase{OneTensor(R"("F32")", "2", "[0,8]"), kEight, "tensor w has a shape that is no"},
        HeaderCase{OneTensor(R"("F32")", "[-2]", "[0,8]"), kEight, "has a shape that is no list"},
        HeaderCase{OneTensor(R"("F32")", "[2.0]", "[0,8]"), kEight, "has a shape that is no list"},
        HeaderCase{OneTensor(R"("F32")", "[2e0]", "[0,8]"), kEight, "has a shape that is no list"},
        HeaderCase{OneTensor(R"("F32")", "[-0]", "[0,0]"), "", "has a shape that is no list"},
        HeaderCase{OneTensor(R"("F32")", "[02]", "[0,8]"), kEight, "the header is no JSON"},
        HeaderCase{OneTensor(R"("F32")", "[18446744073709551615]", "[0,8]"), kEight,
                   "has a shape that is no list"},
        HeaderCase{OneTensor(R"("F32")", "[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,2]", "[0,8]"), kEight,
                   "no list of at most 16 counts"},
        HeaderCase{OneTensor(R"("F32")", "[4294967296,4294967296]", "[0,0]"), "",
                   "has a shape whose product overflows"},
        HeaderCase{OneTensor(R"("F32")", "[4611686018427387904]", "[0,0]"), "",
                   "has data_offsets [0, 0], which do not fit"},
        HeaderCase{OneTensor(R"("F32")", "[2]", "[0]"), kEight, "data_offsets that are not two"},
        HeaderCase{OneTensor(R"("F32")", "[2]", "[0,8,8]"), kEight,
                   "data_offsets that are not two"},
        HeaderCase{OneTensor(R"("F32")", "[2]", "[8,0]"), kEight, "has data_offsets [8, 0]"},
        HeaderCase{OneTensor(R"("F32")", "[3]", "[0,8]"), kEight,
                   "has data_offsets [0, 8], which do not fit shape [3] of float32"},
        HeaderCase{OneTensor(R"("F32")", "[2]", "[1,9]"), "x12345678",
                   "tensor w begins at 1, but the one before ends at 0"},
        HeaderCase{OneTensor(R"("F32")", "[2]", "[0,8]"), "12345678x",
                   "the tensors end at byte 8 of 9 bytes of data"},
        HeaderCase{OneTensor(R"("F32")", "[2]", "[0,8]"), "1234567",
                   "the tensors end at byte 8 of 7 bytes of data"},
        HeaderCase{R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},
                       "b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})",
                   "1234", "tensor b begins at 0, but the one before ends at 4"},
        HeaderCase{R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},
                       "b":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}})",
                   "123412341234", "tensor b begins at 8, but the one before ends at 4"},
        HeaderCase{R"({"__metadata__":{"a":1}})", "", "__metadata__: a is 1, expected a string"},
        HeaderCase{R"({"__metadata__":[]})", "", "__metadata__ is no object"},
        HeaderCase{R"({"__metadata__":{"dim_in":"x"}})", "", "__metadata__: dim_in is no JSON"}));

TEST(SafetensorsTest, TheHeadersLengthIsBounded) {
  for (const uint64_t length : {uint64_t{7}, uint64_t{100}, uint64_t{1} << 20}) {
    std::string file = SafetensorsFile("{}", "");
    std::memcpy(file.data(), &length, sizeof(length));
    EXPECT_THAT(ReadSafetensors(file), Refused("it is cut off")) << length;
  }
  for (const uint64_t length :
       {(uint64_t{1} << 20) + 1, uint64_t{100000001}, uint64_t{1} << 63, UINT64_MAX}) {
    std::string file = SafetensorsFile("{}", "");
    std::memcpy(file.data(), &length, sizeof(length));
    EXPECT_THAT(Parse(file), Refused("expected at most 1048576")) << length;
  }
}

TEST(SafetensorsTest, AFileWithoutALengthIsRefused) {
  EXPECT_THAT(ReadSafetensors("1234567"), Refused("safetensors: 7 bytes, expected at least 8"));
}

TEST(SafetensorsTest, TheNumberOfTensorsIsBounded) {
  std::string header = "{";
  for (int i = 0; i < 1026; ++i) {
    absl::StrAppend(&header, i == 0 ? "" : ",", "\"t", i,
                    R"(":{"dtype":"F32","shape":[0],"data_offsets":[0,0]})");
  }
  EXPECT_THAT(ReadSafetensors(SafetensorsFile(header + "}", "")),
              Refused("1026 tensors, expected at most 1024"));
}

TEST(SafetensorsTest, EveryTruncationIsRefused) {
  const std::string file = SafetensorsOf(NetworkOf(1, 2, 2, 5), {});
  ASSERT_THAT(Parse(file), Loads());
  for (size_t length = 0; length < file.size(); ++length) {
    EXPECT_FALSE(Parse(file.substr(0, length)).ok()) << length;
  }
}

}  // namespace
}  // namespace mdn

#include "model/checkpoint/checkpoint_writer.h"

#include <gtest/gtest.h>

#include <cstring>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "tests/model/checkpoint/checkpoint_files.h"

namespace mdn {
namespace {

ModelConfig ConfigOf(NoiseType noise_type) {
  ModelConfig config;
  config.dim_in = 2;
  config.dim_out = 3;
  config.n_components = 4;
  config.hidden_dim = 5;
  config.noise_type = noise_type;
  config.isotropic_layout = IsotropicLayout::kPerComponent;
  if (noise_type == NoiseType::kFixed) config.fixed_noise_level = 0.1;
  config.x_shift = {1.0 / 3, -1e300};
  config.x_scale = {std::numeric_limits<double>::denorm_min(), 7};
  config.y_shift = {0.1, 0.2, 0.3};
  config.y_scale = {1, 1e-7, 3};
  config.source = "a \"quoted\" source, ünïcode";
  return config;
}

std::map<std::string, Tensor> TensorsOf(const ModelConfig& config) {
  auto tensors = NetworkOf(config.dim_in, config.hidden_dim, config.n_components,
                           MixtureHead(HeadOptions(config)).normal_channels());
  std::vector<float>& values = tensors["normal_network.2.weight"].values;
  values[0] = -0.0f;
  values[1] = std::numeric_limits<float>::denorm_min();
  values[2] = std::numeric_limits<float>::max();
  return tensors;
}

void ExpectSame(const Checkpoint& checkpoint, const ModelConfig& config) {
  EXPECT_EQ(ConfigJson(checkpoint.config), ConfigJson(config));
  EXPECT_EQ(checkpoint.config.x_shift, config.x_shift);
  EXPECT_EQ(checkpoint.config.x_scale, config.x_scale);
  EXPECT_EQ(checkpoint.config.source, config.source);
  const std::map<std::string, Tensor> tensors = TensorsOf(config);
  ASSERT_EQ(checkpoint.tensors.size(), tensors.size());
  for (const auto& [name, tensor] : tensors) {
    const Tensor& read = checkpoint.tensors.at(name);
    EXPECT_EQ(read.shape, tensor.shape) << name;
    ASSERT_EQ(read.values.size(), tensor.values.size()) << name;
    EXPECT_EQ(std::memcmp(read.values.data(), tensor.values.data(), 4 * tensor.values.size()), 0)
        << name;
  }
}

class CheckpointWriterTest : public ::testing::TestWithParam<NoiseType> {};

INSTANTIATE_TEST_SUITE_P(EveryNoiseType, CheckpointWriterTest,
                         ::testing::Values(NoiseType::kDiagonal, NoiseType::kIsotropic,
                                           NoiseType::kIsotropicAcrossClusters, NoiseType::kFixed,
                                           NoiseType::kFull),
                         [](const auto& info) { return std::string(NoiseTypeName(info.param)); });

TEST_P(CheckpointWriterTest, WhatItWritesIsReadBackBitForBit) {
  const ModelConfig config = ConfigOf(GetParam());
  const TemporaryDirectory directory;
  ASSERT_TRUE(SaveCheckpoint(directory.Path("new/folder"), config, TensorsOf(config)).ok());
  for (const auto& [file, format] :
       std::map<std::string, CheckpointFormat>{{"model.safetensors", CheckpointFormat::kSafetensors},
                                               {"model.pt", CheckpointFormat::kPyTorch}}) {
    const auto checkpoint = LoadCheckpoint(directory.Path("new/folder/" + file), {});
    ASSERT_TRUE(checkpoint.ok()) << checkpoint.status();
    EXPECT_EQ(checkpoint->format, format);
    ExpectSame(*checkpoint, config);
  }
}

TEST(CheckpointBytesTest, AreTheSameForTheSameModel) {
  const ModelConfig config = ConfigOf(NoiseType::kFull);
  EXPECT_EQ(*PyTorchBytes(TensorsOf(config)), *PyTorchBytes(TensorsOf(config)));
  const std::string bytes = SafetensorsBytes(config, TensorsOf(config));
  EXPECT_EQ(SafetensorsBytes(config, TensorsOf(config)), bytes);
  uint64_t header = 0;
  std::memcpy(&header, bytes.data(), sizeof(header));
  EXPECT_EQ(header % 8, 0) << "numbers must begin at a multiple of their size";
}

TEST(CheckpointBytesTest, LeaveOutWhatTheNoiseTypeDoesNotHave) {
  ModelConfig config = ConfigOf(NoiseType::kDiagonal);
  config.x_shift = config.x_scale = config.y_shift = config.y_scale = {};
  config.source = "";
  EXPECT_EQ(ConfigJson(config),
            "{\n  \"dim_in\": 2,\n  \"dim_out\": 3,\n  \"format_version\": 1,\n"
            "  \"hidden_dim\": 5,\n  \"n_components\": 4,\n  \"noise_type\": \"diagonal\"\n}");
}

TEST(SaveCheckpointTest, ReplacesWhatWasThere) {
  const TemporaryDirectory directory;
  for (const NoiseType type : {NoiseType::kDiagonal, NoiseType::kFull}) {
    const ModelConfig config = ConfigOf(type);
    ASSERT_TRUE(SaveCheckpoint(directory.Path(""), config, TensorsOf(config)).ok());
  }
  const auto checkpoint = LoadCheckpoint(directory.Path("model.pt"), {});
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status();
  EXPECT_EQ(checkpoint->config.noise_type, NoiseType::kFull);
}

}  // namespace
}  // namespace mdn

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "model/checkpoint/checkpoint.h"
#include "model/checkpoint/checkpoint_writer.h"
#include "model/engine/torch/torch_engine.h"
#include "tests/model/checkpoint/checkpoint_files.h"
#include "tests/support/child_process.h"
#include "tests/support/noise_models.h"

namespace mdn {
namespace {

constexpr NoiseType kNoiseTypes[] = {NoiseType::kDiagonal, NoiseType::kIsotropic,
                                     NoiseType::kIsotropicAcrossClusters, NoiseType::kFixed,
                                     NoiseType::kFull};

ModelConfig ConfigOf(NoiseType noise_type) {
  ModelConfig config;
  config.dim_in = 3;
  config.dim_out = 2;
  config.n_components = 4;
  config.hidden_dim = 5;
  config.noise_type = noise_type;
  config.isotropic_layout = IsotropicLayout::kPerComponent;
  if (noise_type == NoiseType::kFixed) config.fixed_noise_level = 0.3;
  return config;
}

std::map<std::string, Tensor> TensorsOf(const ModelConfig& config) {
  const int64_t outputs = MixtureHead(HeadOptions(config)).normal_channels();
  auto tensors = NetworkOf(config.dim_in, config.hidden_dim, config.n_components, outputs);
  uint32_t seed = 0;
  for (auto& [name, tensor] : tensors) {
    tensor.values = RandomNumbers(tensor.values.size(), 0.7f, ++seed);
  }
  // Bits that a detour through text or arithmetic would lose.
  tensors["pi_network.0.bias"].values[0] = -0.0f;
  tensors["pi_network.0.bias"].values[1] = std::numeric_limits<float>::denorm_min();
  return tensors;
}

bool SameBits(const std::map<std::string, Tensor>& a, const std::map<std::string, Tensor>& b) {
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(), [](const auto& left, const auto& right) {
           const Tensor &first = left.second, &second = right.second;
           return left.first == right.first && first.shape == second.shape &&
                  first.values.size() == second.values.size() &&
                  std::memcmp(first.values.data(), second.values.data(),
                              first.values.size() * sizeof(float)) == 0;
         });
}

Checkpoint Load(const std::string& path) {
  LoadOptions options;
  auto checkpoint = LoadCheckpoint(path, options);
  EXPECT_TRUE(checkpoint.ok()) << checkpoint.status();
  return checkpoint.ok() ? *std::move(checkpoint) : Checkpoint();
}

// Returns what it printed; fails the test where it fails.
std::string RunPython(const std::string& action, const std::string& directory) {
  ChildProcess python({MDN_PYTHON, MDN_ROUND_TRIP_SCRIPT, action, directory});
  const std::string line = python.ReadLine();
  const int exit_code = python.Wait();
  EXPECT_EQ(exit_code, 0) << python.errors();
  return line;
}

void ExpectForward(const Checkpoint& checkpoint, const std::string& file) {
  std::ifstream stream(file);
  const nlohmann::json forward = nlohmann::json::parse(stream);
  const auto x = forward["x"].get<std::vector<float>>();
  const auto engine = MakeTorchEngine(checkpoint);
  ASSERT_TRUE(engine.ok()) << engine.status();
  Mixture mixture;
  ASSERT_TRUE((*engine)->Evaluate(x, 8, mixture).ok());
  const auto near = [&](const char* key, const std::vector<float>& actual) {
    EXPECT_THAT(actual, ::testing::Pointwise(::testing::FloatNear(2e-6f),
                                             forward[key].get<std::vector<float>>()))
        << file << " " << key;
  };
  near("log_pi", mixture.log_pi);
  near("mu", mixture.mu);
  near("sigma", mixture.sigma);
}

TEST(PyTorchRoundTripTest, KeepsEveryBitInBothDirections) {
  const TemporaryDirectory directory;
  for (const NoiseType type : kNoiseTypes) {
    const ModelConfig config = ConfigOf(type);
    const std::string folder = directory.Path(std::string(NoiseTypeName(type)));
    ASSERT_TRUE(SaveCheckpoint(folder, config, TensorsOf(config)).ok());
  }
  ASSERT_EQ(RunPython("take", directory.Path("")), "5");
  for (const NoiseType type : kNoiseTypes) {
    const std::string folder = directory.Path(std::string(NoiseTypeName(type)));
    // returned.pt has no configuration of its own.
    std::filesystem::copy(folder + "/model.json", folder + "/returned.json");
    const Checkpoint returned = Load(folder + "/returned.pt");
    EXPECT_TRUE(SameBits(returned.tensors, TensorsOf(ConfigOf(type)))) << folder;
    ExpectForward(returned, folder + "/forward.json");

    const std::string python = directory.Path(absl::StrCat("python_", NoiseTypeName(type)));
    const Checkpoint original = Load(python + "/original.pt");
    ASSERT_TRUE(SaveCheckpoint(python, original.config, original.tensors).ok());
    EXPECT_TRUE(SameBits(Load(python + "/model.safetensors").tensors, original.tensors));
  }
  EXPECT_EQ(RunPython("compare", directory.Path("")), "5");
}

}  // namespace
}  // namespace mdn

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "model/checkpoint/checkpoint.h"
#include "model/engine/torch/torch_engine.h"

namespace mdn {
namespace {

Checkpoint Load(const std::string& name) {
  auto checkpoint = LoadCheckpoint(std::string(MDN_TEST_DATA) + "/" + name, {});
  EXPECT_TRUE(checkpoint.ok()) << checkpoint.status();
  return *std::move(checkpoint);
}

std::unique_ptr<Engine> Make(const Checkpoint& checkpoint) {
  auto engine = MakeTorchEngine(checkpoint);
  EXPECT_TRUE(engine.ok()) << engine.status();
  return *std::move(engine);
}

class StandardEngineTest : public testing::Test {
 protected:
  Mixture Evaluate(const Engine& engine, const std::vector<float>& x) {
    Mixture mixture;
    const int64_t rows = static_cast<int64_t>(x.size()) / engine.dim_in();
    EXPECT_TRUE(engine.Evaluate(x, rows, mixture).ok());
    return mixture;
  }
};

TEST_F(StandardEngineTest, KnowsItsShape) {
  const auto engine = Make(Load("small_diagonal.pt"));
  EXPECT_EQ(engine->dim_in(), 3);
  EXPECT_EQ(engine->shape().components, 4);
  EXPECT_EQ(engine->shape().dims, 2);
  EXPECT_FALSE(engine->shape().full_covariance);
  EXPECT_EQ(engine->name(), "torch");
}

TEST_F(StandardEngineTest, StandardisationIsAChangeOfUnits) {
  Checkpoint checkpoint = Load("small_diagonal.pt");
  const Mixture plain = Evaluate(*Make(checkpoint), {0.5f, -1.0f, 2.0f});
  checkpoint.config.x_shift = {100, 0, -3};
  checkpoint.config.x_scale = {2, 1, 0.5};
  checkpoint.config.y_shift = {10, -20};
  checkpoint.config.y_scale = {4, 0.25};
  const Mixture scaled = Evaluate(*Make(checkpoint), {101.0f, -1.0f, -2.0f});
  for (int k = 0; k < 4; ++k) {
    EXPECT_FLOAT_EQ(scaled.log_pi[k], plain.log_pi[k]);
    EXPECT_FLOAT_EQ(scaled.mu[2 * k], 10 + 4 * plain.mu[2 * k]);
    EXPECT_FLOAT_EQ(scaled.mu[2 * k + 1], -20 + 0.25f * plain.mu[2 * k + 1]);
    EXPECT_FLOAT_EQ(scaled.sigma[2 * k], 4 * plain.sigma[2 * k]);
    EXPECT_NEAR(scaled.log_scale[2 * k], plain.log_scale[2 * k] + std::log(4), 1e-6);
  }
}

TEST_F(StandardEngineTest, FullCovarianceComesFromTheLowerTriangle) {
  Checkpoint checkpoint = Load("small_diagonal.pt");
  checkpoint.config.noise_type = NoiseType::kFull;
  // 4 components of dimension 2: 8 means and 4 times 3 entries, made from the 16 rows there are.
  Tensor& weight = checkpoint.tensors.at("normal_network.4.weight");
  Tensor& bias = checkpoint.tensors.at("normal_network.4.bias");
  weight.shape[0] = bias.shape[0] = 20;
  weight.values.resize(20 * 16, 0.0f);
  bias.values.resize(20, 0.0f);
  const auto engine = Make(checkpoint);
  ASSERT_TRUE(engine->shape().full_covariance);
  const Mixture mixture = Evaluate(*engine, {0.5f, -1.0f, 2.0f});
  for (int k = 0; k < 4; ++k) {
    const float* l = &mixture.scale_tril[4 * k];
    EXPECT_EQ(l[1], 0);
    EXPECT_NEAR(mixture.sigma[2 * k + 1], std::hypot(l[2], l[3]), 1e-5 * mixture.sigma[2 * k + 1]);
    EXPECT_NEAR(mixture.log_scale[2 * k], std::log(l[0]), 1e-5);
  }
}

}  // namespace
}  // namespace mdn

#include "model/engine/native/native_engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "tests/model/engine/native/network_cases.h"
#include "tests/model/engine/native/row_bits.h"
#include "tests/support/noise_models.h"

namespace mdn {
namespace {

TEST(NativeEngineTest, KnowsItsShape) {
  const auto engine = MakeNative(RandomCheckpoint({3, 2, 4, 16}, NoiseType::kDiagonal, 1));
  EXPECT_EQ(engine->name(), "native");
  EXPECT_EQ(engine->dim_in(), 3);
  EXPECT_EQ(engine->shape().components, 4);
  EXPECT_EQ(engine->shape().dims, 2);
  EXPECT_FALSE(engine->shape().full_covariance);
  EXPECT_TRUE(
      MakeNative(RandomCheckpoint({3, 2, 4, 16}, NoiseType::kFull, 1))->shape().full_covariance);
}

TEST(NativeEngineTest, RefusesTorchScript) {
  Checkpoint checkpoint;
  checkpoint.format = CheckpointFormat::kTorchScript;
  checkpoint.script = "an archive";
  EXPECT_EQ(MakeNativeEngine(checkpoint).status(),
            absl::InvalidArgumentError("the native engine evaluates the standard network only; a "
                                       "TorchScript archive needs the torch engine"));
}

TEST(NativeEngineTest, OutlivesTheCheckpoint) {
  auto checkpoint =
      std::make_unique<Checkpoint>(RandomCheckpoint({2, 1, 3, 5}, NoiseType::kFull, 2));
  const auto engine = MakeNative(*checkpoint);
  const Mixture before = Evaluate(*engine, {0.5f, -1});
  checkpoint.reset();
  EXPECT_TRUE(SameBits(Evaluate(*engine, {0.5f, -1}).Row(0), before.Row(0)));
}

TEST(NativeEngineTest, NoRowsGiveNoMixture) {
  const auto engine = MakeNative(RandomCheckpoint({2, 1, 3, 5}, NoiseType::kDiagonal, 3), 2);
  Mixture mixture;
  ASSERT_TRUE(engine->Evaluate({}, 0, mixture).ok());
  EXPECT_EQ(mixture.rows, 0);
  EXPECT_EQ(mixture.shape.components, 3);
  EXPECT_TRUE(mixture.mu.empty());
}

TEST(NativeEngineTest, LeavesNothingOfWhatTheMixtureHeldBefore) {
  for (const MixtureHead::Options& options : EveryNoiseModel(3, 2)) {
    const NetworkCase network = CaseOf({2, 2, 3, 7}, options.noise_type, 5, 4);
    const auto engine = MakeNative(network.checkpoint);
    const Mixture expected = Evaluate(*engine, network.x);
    Mixture used = RandomMixture(EveryNoiseModel(9, 4)[4], 20, 5, 1000);
    ASSERT_TRUE(engine->Evaluate(network.x, 5, used).ok());
    ASSERT_EQ(used.rows, 5);
    for (int64_t row = 0; row < 5; ++row) {
      EXPECT_TRUE(SameBits(used.Row(row), expected.Row(row))) << NoiseModelName(options);
    }
  }
}

class StandardisationTest : public testing::Test {
 protected:
  // Values of x, shifts and scales are such that the network sees the same numbers.
  StandardisationTest() : plain_(RandomCheckpoint({3, 2, 4, 16}, NoiseType::kFull, 6)) {}

  const Checkpoint plain_;
  const std::vector<float> x_ = {0.5f, -1, 2, 0.25f, 3, -0.75f};
};

TEST_F(StandardisationTest, TheNetworkSeesXInItsOwnUnits) {
  Checkpoint scaled = plain_;
  scaled.config.x_shift = {100, 0, -3};
  scaled.config.x_scale = {2, 1, 0.5};
  const Mixture expected = Evaluate(*MakeNative(plain_), x_);
  const Mixture mixture = Evaluate(*MakeNative(scaled), {101, -1, -2, 100.5f, 3, -3.375f});
  for (int64_t row = 0; row < 2; ++row) {
    EXPECT_TRUE(SameBits(mixture.Row(row), expected.Row(row))) << row;
  }
}

TEST_F(StandardisationTest, XIsShiftedBeforeItIsRounded) {
  Checkpoint scaled = plain_;
  scaled.config.x_shift = {1e6 + 0.1, 0, 0};
  scaled.config.x_scale = {0.25, 1, 1};
  const auto seen = static_cast<float>((1e6 - (1e6 + 0.1)) / 0.25);
  EXPECT_TRUE(SameBits(Evaluate(*MakeNative(scaled), {1e6f, 0, 0}).Row(0),
                       Evaluate(*MakeNative(plain_), {seen, 0, 0}).Row(0)));
}

TEST_F(StandardisationTest, TheMixtureIsInTheUnitsOfY) {
  Checkpoint scaled = plain_;
  scaled.config.y_shift = {10, -20};
  scaled.config.y_scale = {4, 0.25};
  const Mixture plain = Evaluate(*MakeNative(plain_), x_);
  const Mixture mixture = Evaluate(*MakeNative(scaled), x_);
  EXPECT_EQ(mixture.log_pi, plain.log_pi);
  for (size_t i = 0; i < plain.mu.size(); ++i) {
    const double shift = scaled.config.y_shift[i % 2];
    const double scale = scaled.config.y_scale[i % 2];
    EXPECT_EQ(mixture.mu[i], static_cast<float>(shift + scale * plain.mu[i]));
    EXPECT_EQ(mixture.sigma[i], static_cast<float>(scale * plain.sigma[i]));
    EXPECT_FLOAT_EQ(mixture.log_scale[i], plain.log_scale[i] + std::log(scale));
    for (int64_t j = 0; j < 2; ++j) {
      EXPECT_EQ(mixture.scale_tril[2 * i + j],
                static_cast<float>(scale * plain.scale_tril[2 * i + j]));
    }
  }
}

}  // namespace
}  // namespace mdn

#include "model/checkpoint/network_shape.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/model/checkpoint/fails.h"

namespace mdn {
namespace {

NetworkShape ShapeOf(int64_t components, int64_t outputs) {
  NetworkShape shape;
  shape.dim_in = 3;
  shape.hidden_dim = 8;
  shape.n_components = components;
  shape.outputs = outputs;
  return shape;
}

ConfigHints Said(NoiseType type) {
  ConfigHints hints;
  hints.origin = "model.json";
  hints.noise_type = type;
  return hints;
}

absl::StatusOr<ModelConfig> Infer(int64_t components, int64_t outputs,
                                  const ConfigHints& hints = {}) {
  return InferConfig(ShapeOf(components, outputs), hints, "model.pt");
}

TEST(InferConfigTest, TakesDimensionsFromTheTensors) {
  const auto config = Infer(3, 12, Said(NoiseType::kDiagonal));
  ASSERT_THAT(config, Loads());
  EXPECT_EQ(config->dim_in, 3);
  EXPECT_EQ(config->hidden_dim, 8);
  EXPECT_EQ(config->n_components, 3);
  EXPECT_EQ(config->dim_out, 2);
}

TEST(InferConfigTest, TheNoiseTypeDecidesTheOutputDimensions) {
  EXPECT_EQ(Infer(3, 12, Said(NoiseType::kIsotropic))->dim_out, 3);
  EXPECT_EQ(Infer(3, 13, Said(NoiseType::kIsotropicAcrossClusters))->dim_out, 4);
  EXPECT_EQ(Infer(3, 15, Said(NoiseType::kFull))->dim_out, 2);
}

TEST(InferConfigTest, TheOutputDimensionsMayDecideTheNoiseType) {
  ConfigHints hints;
  hints.dim_out = 3;
  EXPECT_EQ(Infer(3, 12, hints)->noise_type, NoiseType::kIsotropic);
}

TEST(InferConfigTest, OneChannelMoreThanMeansIsAcrossClusters) {
  const auto config = Infer(4, 9);
  ASSERT_THAT(config, Loads());
  EXPECT_EQ(config->noise_type, NoiseType::kIsotropicAcrossClusters);
  EXPECT_EQ(config->dim_out, 2);
}

TEST(InferConfigTest, SeveralFunctionsAreListed) {
  EXPECT_THAT(Infer(3, 12),
              Refused("12 outputs of normal_network with 3 components can be diagonal with dim_out "
                      "2, isotropic with dim_out 3 or fixed with dim_out 4; say which with "
                      "noise_type in model.pt.json or with --noise_type"));
}

TEST(InferConfigTest, OneDimensionMakesDiagonalIsotropicAndFullTheSame) {
  ConfigHints hints;
  hints.dim_out = 1;
  EXPECT_EQ(Infer(3, 6, hints)->noise_type, NoiseType::kDiagonal);
  EXPECT_THAT(Infer(3, 6), Refused("fixed with dim_out 2"));
}

TEST(InferConfigTest, OneComponentMakesBothIsotropicTypesTheSame) {
  ConfigHints hints;
  hints.dim_out = 5;
  EXPECT_EQ(Infer(1, 6, hints)->noise_type, NoiseType::kIsotropic);
}

TEST(InferConfigTest, OneComponentAndOneDimensionLeaveOneFunction) {
  ConfigHints hints;
  hints.dim_out = 1;
  EXPECT_EQ(Infer(1, 2, hints)->noise_type, NoiseType::kDiagonal);
}

TEST(InferConfigTest, ALevelMeansFixedNoise) {
  ConfigHints hints;
  hints.fixed_noise_level = 0.25;
  const auto config = Infer(3, 12, hints);
  ASSERT_THAT(config, Loads());
  EXPECT_EQ(config->noise_type, NoiseType::kFixed);
  EXPECT_EQ(config->fixed_noise_level, 0.25);
  EXPECT_EQ(config->dim_out, 4);
}

TEST(InferConfigTest, FixedNoiseNeedsALevel) {
  EXPECT_THAT(Infer(3, 12, Said(NoiseType::kFixed)),
              Refused("noise_type fixed needs a fixed_noise_level, in model.pt.json or with "
                      "--fixed_noise_level"));
}

TEST(InferConfigTest, ALevelDoesNotGoWithOtherNoise) {
  ConfigHints hints = Said(NoiseType::kDiagonal);
  hints.fixed_noise_level = 0.25;
  EXPECT_THAT(Infer(3, 12, hints),
              Refused("fixed_noise_level is 0.25, but noise_type is diagonal (configured by "
                      "model.json)"));
}

TEST(InferConfigTest, ANoiseTypeThatDoesNotFitSaysWhatItNeeds) {
  EXPECT_THAT(Infer(4, 9, Said(NoiseType::kDiagonal)),
              Refused("9 outputs of normal_network with 4 components do not fit (configured by "
                      "model.json): diagonal needs 8, 16, 24"));
}

TEST(InferConfigTest, OutputDimensionsThatDoNotFitSayWhatEachTypeNeeds) {
  ConfigHints hints;
  hints.dim_out = 2;
  EXPECT_THAT(Infer(4, 11, hints),
              Refused("diagonal with dim_out 2 needs 16; isotropic with dim_out 2 needs 12; "
                      "isotropic_across_clusters with dim_out 2 needs 9; fixed with dim_out 2 "
                      "needs 8; full with dim_out 2 needs 20"));
}

TEST(InferConfigTest, HugeHintsDoNotOverflow) {
  ConfigHints hints;
  hints.dim_out = kMaxDimension;
  EXPECT_THAT(Infer(kMaxDimension, 12, hints), Refused("do not fit"));
  hints.dim_out = int64_t{1} << 62;
  EXPECT_THAT(Infer(4, 12, hints), Refused("dim_out is 4611686018427387904, expected 1 to"));
}

TEST(InferConfigTest, HintsMustAgreeWithTheTensors) {
  ConfigHints hints = Said(NoiseType::kDiagonal);
  hints.n_components = 6;
  EXPECT_THAT(Infer(3, 12, hints),
              Refused("n_components is 6 by model.json, but 3 by the tensors"));
  hints = Said(NoiseType::kDiagonal);
  hints.hidden_dim = 9;
  EXPECT_THAT(Infer(3, 12, hints), Refused("hidden_dim is 9 by model.json, but 8"));
}

std::map<std::string, StoredTensor> Tensors() {
  std::map<std::string, StoredTensor> tensors;
  for (const std::string network : {"pi_network", "normal_network"}) {
    const int64_t outputs = network == "pi_network" ? 3 : 12;
    tensors[network + ".0.weight"].shape = {8, 2};
    tensors[network + ".0.bias"].shape = {8};
    tensors[network + ".2.weight"].shape = {8, 8};
    tensors[network + ".2.bias"].shape = {8};
    tensors[network + ".4.weight"].shape = {outputs, 8};
    tensors[network + ".4.bias"].shape = {outputs};
  }
  return tensors;
}

TEST(CheckNetworkShapeTest, ReadsTheDimensions) {
  const auto shape = CheckNetworkShape(Tensors());
  ASSERT_THAT(shape, Loads());
  EXPECT_EQ(shape->dim_in, 2);
  EXPECT_EQ(shape->hidden_dim, 8);
  EXPECT_EQ(shape->n_components, 3);
  EXPECT_EQ(shape->outputs, 12);
}

TEST(CheckNetworkShapeTest, EveryTensorMustFit) {
  for (const auto& [name, tensor] : Tensors()) {
    auto tensors = Tensors();
    tensors[name].shape.push_back(2);
    EXPECT_THAT(CheckNetworkShape(tensors), Refused(name + " has shape ")) << name;
  }
}

TEST(CheckNetworkShapeTest, RefusesEmptyAndHugeLayers) {
  auto tensors = Tensors();
  tensors["pi_network.0.weight"].shape = {0, 2};
  EXPECT_THAT(CheckNetworkShape(tensors),
              Refused("pi_network.0.weight has shape [0, 2], expected [outputs, inputs] of 1 to"));
  tensors = Tensors();
  tensors["pi_network.4.bias"].shape = {kMaxDimension + 1};
  EXPECT_THAT(CheckNetworkShape(tensors), Refused("pi_network.4.bias has shape [1048577]"));
}

}  // namespace
}  // namespace mdn

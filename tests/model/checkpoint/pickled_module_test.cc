#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "model/checkpoint/state_dict.h"
#include "tests/model/checkpoint/checkpoint_files.h"
#include "tests/model/checkpoint/fails.h"
#include "tests/model/checkpoint/pickle_builder.h"

namespace mdn {
namespace {

using ::testing::SizeIs;

absl::StatusOr<StateDict> Find(const PickleBuilder& builder) {
  const std::string bytes = builder.Pickle();
  const auto pickle = Pickle::Parse(bytes);
  if (!pickle.ok()) return pickle.status();
  return FindStateDict(*pickle);
}

void AddLinear(PickleBuilder& builder, const std::string& key) {
  builder.Global("torch.nn.modules.linear", "Linear").Raw(")\x81}(").Text("_parameters");
  builder.Raw("}(").Text("weight").ContiguousTensor(key + ".weight", {2, 2});
  builder.Text("bias").ContiguousTensor(key + ".bias", {2}).Raw("u");
  builder.Text("_modules").Raw("}ub");
}

void AddActivation(PickleBuilder& builder, const std::string& name) {
  builder.Global("torch.nn.modules.activation", name).Raw(")\x81}").Text("_modules").Raw("}sb");
}

void AddPerceptron(PickleBuilder& builder, const std::string& key, const std::string& activation) {
  builder.Global("torch.nn.modules.container", "Sequential").Raw(")\x81}").Text("_modules");
  builder.Raw("}(").Text("0");
  AddLinear(builder, key + ".0");
  builder.Text("1");
  AddActivation(builder, activation);
  builder.Text("2");
  AddLinear(builder, key + ".2");
  builder.Text("4");
  AddLinear(builder, key + ".4");
  builder.Raw("usb");
}

// Leaves the state's dict open for more attributes, which "ub" ends.
PickleBuilder OpenModule(const std::string& activation = "ReLU") {
  PickleBuilder builder;
  builder.Global("blocks", "MixtureDensityNetwork").Raw(")\x81}(").Text("_modules").Raw("}(");
  for (const std::string network : {"pi_network", "normal_network"}) {
    builder.Text(network);
    AddPerceptron(builder, network, activation);
  }
  return builder.Raw("u");
}

TEST(PickledModuleTest, IsReadAsItsStateDict) {
  const auto found = Find(OpenModule().Raw("ub"));
  ASSERT_THAT(found, Loads());
  EXPECT_THAT(found->tensors, SizeIs(12));
  EXPECT_EQ(found->tensors.at("normal_network.4.bias").storage_key, "normal_network.4.bias");
}

TEST(PickledModuleTest, TellsItsConfiguration) {
  PickleBuilder builder = OpenModule();
  builder.Text("dim_in").Integer(2).Text("dim_out").Integer(1).Text("n_components").Integer(2);
  builder.Text("noise_type").Global("blocks", "NoiseType").Integer(4).Raw("\x85R");
  builder.Text("fixed_noise_level").Raw(std::string("G\x3f\xe0\0\0\0\0\0\0", 9)).Raw("ub");
  const auto found = Find(builder);
  ASSERT_THAT(found, Loads());
  EXPECT_EQ(found->hints.origin, "the pickled module");
  EXPECT_EQ(found->hints.dim_in, 2);
  EXPECT_EQ(found->hints.dim_out, 1);
  EXPECT_EQ(found->hints.n_components, 2);
  EXPECT_EQ(found->hints.noise_type, NoiseType::kFixed);
  EXPECT_EQ(found->hints.fixed_noise_level, 0.5);
}

TEST(PickledModuleTest, ReadsEnumerationsByNameToo) {
  PickleBuilder builder = OpenModule();
  builder.Text("noise_type").Global("builtins", "getattr").Global("blocks", "NoiseType");
  builder.Text("ISOTROPIC").Raw("\x86Rub");
  EXPECT_EQ(Find(builder)->hints.noise_type, NoiseType::kIsotropic);
}

TEST(PickledModuleTest, IgnoresEnumerationsOfOthers) {
  PickleBuilder builder = OpenModule();
  builder.Text("noise_type").Global("os", "system").Integer(2).Raw("\x85Rub");
  const auto found = Find(builder);
  ASSERT_THAT(found, Loads());
  EXPECT_FALSE(found->hints.noise_type.has_value());
}

TEST(PickledModuleTest, InAnotherModuleHasItsPrefix) {
  PickleBuilder builder;
  builder.Global("lightning", "Task").Raw(")\x81}").Text("_modules").Raw("}").Text("model");
  builder.Raw(OpenModule().Text("dim_in").Integer(9).Raw("ub").Pickle().substr(2));
  // The inner pickle's stop must go.
  std::string bytes = builder.Pickle();
  bytes.resize(bytes.size() - 2);
  bytes += "ssb.";
  const auto pickle = Pickle::Parse(bytes);
  ASSERT_THAT(pickle, Loads());
  const auto found = FindStateDict(*pickle);
  ASSERT_THAT(found, Loads());
  EXPECT_EQ(found->tensors.count("model.pi_network.0.weight"), 1);
  EXPECT_EQ(found->hints.dim_in, 9);
}

TEST(PickledModuleTest, RefusesAnotherActivation) {
  EXPECT_THAT(Find(OpenModule("Tanh").Raw("ub")),
              Refused("pi_network.1 is torch.nn.modules.activation.Tanh; the standard network has "
                      "ReLU"));
}

}  // namespace
}  // namespace mdn

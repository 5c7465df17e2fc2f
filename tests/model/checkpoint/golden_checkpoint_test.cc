#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "model/checkpoint/checkpoint.h"
#include "tests/model/checkpoint/checkpoint_files.h"
#include "tests/model/checkpoint/fails.h"

namespace mdn {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

absl::StatusOr<Checkpoint> LoadGolden(const std::string& name, const LoadOptions& options = {}) {
  return LoadCheckpoint(GoldenPath(name), options);
}

// The largest difference between the weights of a file and those of small_diagonal.pt, as a part
// of the weight.
double RelativeDifference(const Checkpoint& checkpoint) {
  const Checkpoint reference = LoadGolden("small_diagonal.pt").value();
  double largest = 0;
  for (const auto& [name, tensor] : reference.tensors) {
    const Tensor& other = checkpoint.tensors.at(name);
    EXPECT_EQ(other.shape, tensor.shape) << name;
    for (size_t i = 0; i < tensor.values.size(); ++i) {
      const double difference = std::abs(double{other.values.at(i)} - tensor.values[i]);
      largest = std::max(largest, difference / std::abs(tensor.values[i]));
    }
  }
  return largest;
}

TEST(GoldenCheckpointTest, LoadsTheTrainedExample) {
  const auto checkpoint = LoadGolden("ex_1d.pt");
  ASSERT_THAT(checkpoint, Loads());
  EXPECT_EQ(checkpoint->format, CheckpointFormat::kPyTorch);
  EXPECT_EQ(checkpoint->path, GoldenPath("ex_1d.pt"));
  EXPECT_EQ(checkpoint->sha256, "f7733b284c8061c1b5d21c15d764402281de2551502714147bd4268bf5cbfbb3");
  EXPECT_THAT(checkpoint->tensors, SizeIs(12));
  EXPECT_THAT(checkpoint->tensors.at("normal_network.4.weight").shape, ElementsAre(6, 50));
  EXPECT_EQ(checkpoint->config.dim_in, 1);
  EXPECT_EQ(checkpoint->config.dim_out, 1);
  EXPECT_EQ(checkpoint->config.n_components, 3);
  EXPECT_EQ(checkpoint->config.hidden_dim, 50);
  EXPECT_EQ(checkpoint->config.noise_type, NoiseType::kDiagonal);
}

TEST(GoldenCheckpointTest, ReadsTheNumbersThatAreInTheFile) {
  const auto checkpoint = LoadGolden("small_torch26_diagonal.pt");
  ASSERT_THAT(checkpoint, Loads());
  // The archive's record data/5, read by another program.
  EXPECT_THAT(checkpoint->tensors.at("pi_network.4.bias").values,
              ElementsAre(-0.276968509f, 0.0470717475f, 0.295737118f, -0.272487909f));
}

struct NoiseCase {
  const char* file;
  NoiseType noise_type;
  double level;
};

class EveryNoiseTypeTest : public ::testing::TestWithParam<NoiseCase> {};

TEST_P(EveryNoiseTypeTest, LoadsWithTheFileBesideIt) {
  const auto checkpoint = LoadGolden(GetParam().file);
  ASSERT_THAT(checkpoint, Loads());
  EXPECT_EQ(checkpoint->config.noise_type, GetParam().noise_type);
  EXPECT_EQ(checkpoint->config.fixed_noise_level, GetParam().level);
  EXPECT_EQ(checkpoint->config.dim_in, 3);
  EXPECT_EQ(checkpoint->config.dim_out, 2);
  EXPECT_EQ(checkpoint->config.n_components, 4);
  EXPECT_EQ(checkpoint->config.hidden_dim, 16);
  EXPECT_EQ(checkpoint->config.isotropic_layout, IsotropicLayout::kTiled);
}

INSTANTIATE_TEST_SUITE_P(
    Golden, EveryNoiseTypeTest,
    ::testing::Values(NoiseCase{"small_diagonal.pt", NoiseType::kDiagonal, 0},
                      NoiseCase{"small_torch26_diagonal.pt", NoiseType::kDiagonal, 0},
                      NoiseCase{"small_isotropic.pt", NoiseType::kIsotropic, 0},
                      NoiseCase{"small_isotropic_across_clusters.pt",
                                NoiseType::kIsotropicAcrossClusters, 0},
                      NoiseCase{"small_fixed.pt", NoiseType::kFixed, 0.3}));

struct VariantCase {
  const char* file;
  CheckpointFormat format;
  // Half a unit in the last place of the type that it was saved in.
  double precision;
};

class EveryVariantTest : public ::testing::TestWithParam<VariantCase> {};

TEST_P(EveryVariantTest, HoldsTheSameWeights) {
  const auto checkpoint = LoadGolden(GetParam().file, WithNoiseType(NoiseType::kDiagonal));
  ASSERT_THAT(checkpoint, Loads());
  EXPECT_EQ(checkpoint->format, GetParam().format);
  EXPECT_LE(RelativeDifference(*checkpoint), GetParam().precision);
}

constexpr CheckpointFormat kZip = CheckpointFormat::kPyTorch;
INSTANTIATE_TEST_SUITE_P(
    Golden, EveryVariantTest,
    ::testing::Values(VariantCase{"small_training_checkpoint.pt", kZip, 0},
                      VariantCase{"small_data_parallel.pt", kZip, 0},
                      VariantCase{"small_whole_module_pickle.pt", kZip, 0},
                      VariantCase{"small_legacy_format.pt", CheckpointFormat::kPyTorchLegacy, 0},
                      VariantCase{"small_float64.pt", kZip, 0},
                      VariantCase{"small_strided.pt", kZip, 0},
                      VariantCase{"small_float16.pt", kZip, std::ldexp(1, -11)},
                      VariantCase{"small_bfloat16.pt", kZip, std::ldexp(1, -8)}));

TEST(GoldenCheckpointTest, HalfPrecisionIsNotReadAsSomethingWider) {
  const auto checkpoint = LoadGolden("small_float16.pt", WithNoiseType(NoiseType::kDiagonal));
  ASSERT_THAT(checkpoint, Loads());
  EXPECT_GT(RelativeDifference(*checkpoint), 0);
}

TEST(GoldenCheckpointTest, APickledModuleSaysItsNoiseTypeAndDimensions) {
  const auto checkpoint = LoadGolden("small_whole_module_pickle.pt");
  ASSERT_THAT(checkpoint, Loads());
  EXPECT_EQ(checkpoint->config.noise_type, NoiseType::kDiagonal);
  EXPECT_EQ(checkpoint->config.dim_out, 2);
}

TEST(GoldenCheckpointTest, APickledModuleIsStrongerThanTheFlags) {
  EXPECT_THAT(LoadGolden("small_whole_module_pickle.pt", WithNoiseType(NoiseType::kIsotropic)),
              Refused("noise_type is diagonal by the pickled module, but isotropic by "
                      "--noise_type"));
}

TEST(GoldenCheckpointTest, AnAmbiguousStateDictListsWhatItCanBe) {
  EXPECT_THAT(LoadGolden("small_strided.pt"),
              Refused("16 outputs of normal_network with 4 components can be diagonal with dim_out "
                      "2, isotropic with dim_out 3 or fixed with dim_out 4; say which with "
                      "noise_type in"));
}

TEST(GoldenCheckpointTest, RefusesAWeightThatIsNotANumber) {
  EXPECT_THAT(LoadGolden("small_bad_nan_weight.pt"),
              Refused("small_bad_nan_weight.pt: pi_network.0.weight[0, 0] is nan; weights must be "
                      "finite"));
}

TEST(GoldenCheckpointTest, RefusesAMissingTensor) {
  EXPECT_THAT(LoadGolden("small_bad_missing_key.pt"), Refused("it lacks normal_network.2.bias"));
}

TEST(GoldenCheckpointTest, RefusesATensorOfAnotherShape) {
  EXPECT_THAT(LoadGolden("small_bad_shape.pt"),
              Refused("pi_network.2.weight has shape [16, 17], expected [16, 16]"));
}

class TorchScriptTest : public ::testing::TestWithParam<const char*> {};

TEST_P(TorchScriptTest, IsRefusedUnlessAllowed) {
  EXPECT_THAT(LoadGolden(GetParam()),
              Refused("loading one runs code from the file; if you trust it, name it with "
                      "--model=FILE or start with --allow_torchscript"));
}

TEST_P(TorchScriptTest, IsHandedOnAsItIs) {
  LoadOptions options;
  options.allow_torchscript = true;
  options.flags.dim_in = 3;
  options.flags.x_shift = {1, 2, 3};
  const auto checkpoint = LoadGolden(GetParam(), options);
  ASSERT_THAT(checkpoint, Loads());
  EXPECT_EQ(checkpoint->format, CheckpointFormat::kTorchScript);
  EXPECT_EQ(checkpoint->script, ReadFile(GoldenPath(GetParam())));
  EXPECT_THAT(checkpoint->tensors, IsEmpty());
  EXPECT_EQ(checkpoint->config.dim_in, 3);
  EXPECT_EQ(checkpoint->config.dim_out, 0);
  EXPECT_THAT(checkpoint->config.x_scale, ElementsAre(1, 1, 1));
}

INSTANTIATE_TEST_SUITE_P(Golden, TorchScriptTest,
                         ::testing::Values("small_torchscript.ts", "small_torch26_torchscript.ts"));

}  // namespace
}  // namespace mdn

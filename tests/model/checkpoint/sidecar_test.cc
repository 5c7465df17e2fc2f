#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "model/checkpoint/checkpoint.h"
#include "tests/model/checkpoint/checkpoint_files.h"
#include "tests/model/checkpoint/fails.h"

namespace mdn {
namespace {

using ::testing::ElementsAre;

// 16 outputs with 4 components: diagonal, isotropic or fixed.
class SidecarTest : public ::testing::Test {
 protected:
  std::string WriteModel(const std::map<std::string, std::string>& metadata = {}) const {
    return directory_.Write("model.safetensors", SafetensorsOf(NetworkOf(3, 5, 4, 16), metadata));
  }

  const TemporaryDirectory directory_;
};

TEST_F(SidecarTest, TheNameMayHaveTheExtensionAdded) {
  const std::string model = WriteModel();
  directory_.Write("model.safetensors.json", R"({"noise_type": "isotropic"})");
  const auto checkpoint = LoadCheckpoint(model, {});
  ASSERT_THAT(checkpoint, Loads());
  EXPECT_EQ(checkpoint->config.noise_type, NoiseType::kIsotropic);
  EXPECT_EQ(checkpoint->config.dim_out, 3);
}

TEST_F(SidecarTest, TheNameMayHaveTheExtensionReplaced) {
  const std::string model = WriteModel();
  directory_.Write("model.json", R"({"noise_type": "diagonal"})");
  EXPECT_EQ(LoadCheckpoint(model, {})->config.noise_type, NoiseType::kDiagonal);
}

TEST_F(SidecarTest, TheAddedExtensionGoesBeforeTheReplacedOne) {
  const std::string model = WriteModel();
  directory_.Write("model.safetensors.json", R"({"noise_type": "isotropic"})");
  directory_.Write("model.json", R"({"noise_type": "diagonal"})");
  EXPECT_EQ(LoadCheckpoint(model, {})->config.noise_type, NoiseType::kIsotropic);
}

TEST_F(SidecarTest, ContradictingTheMetadataIsRefused) {
  const std::string model = WriteModel({{"noise_type", "diagonal"}});
  const std::string sidecar = directory_.Write("model.json", R"({"noise_type": "isotropic"})");
  EXPECT_THAT(LoadCheckpoint(model, {}),
              Refused("noise_type is diagonal by __metadata__, but isotropic by " + sidecar));
}

TEST_F(SidecarTest, ContradictingTheFlagsIsRefused) {
  const std::string model = WriteModel();
  const std::string sidecar = directory_.Write("model.json", R"({"dim_out": 2})");
  LoadOptions options;
  options.flags.dim_out = 3;
  EXPECT_THAT(LoadCheckpoint(model, options),
              Refused("dim_out is 2 by " + sidecar + ", but 3 by the flags"));
}

TEST_F(SidecarTest, ContradictingTheTensorsIsRefused) {
  const std::string model = WriteModel();
  const std::string sidecar =
      directory_.Write("model.json", R"({"noise_type": "diagonal", "dim_in": 4})");
  EXPECT_THAT(LoadCheckpoint(model, {}), Refused("dim_in is 4 by " + sidecar));
  EXPECT_THAT(LoadCheckpoint(model, {}), Refused("but 3 by the tensors"));
}

TEST_F(SidecarTest, GivesUnitsAndSource) {
  const std::string model = WriteModel({{"noise_type", "diagonal"}});
  directory_.Write("model.json", R"({"x_shift": [1, 2, 3], "y_scale": [0.5, 4], "source": "lab"})");
  const auto checkpoint = LoadCheckpoint(model, {});
  ASSERT_THAT(checkpoint, Loads());
  EXPECT_THAT(checkpoint->config.x_shift, ElementsAre(1, 2, 3));
  EXPECT_THAT(checkpoint->config.x_scale, ElementsAre(1, 1, 1));
  EXPECT_THAT(checkpoint->config.y_shift, ElementsAre(0, 0));
  EXPECT_THAT(checkpoint->config.y_scale, ElementsAre(0.5, 4));
  EXPECT_EQ(checkpoint->config.source, "lab");
}

TEST_F(SidecarTest, UnitsMustFitTheInferredDimensions) {
  const std::string model = WriteModel({{"noise_type", "diagonal"}});
  directory_.Write("model.json", R"({"y_scale": [1, 1, 1]})");
  EXPECT_THAT(LoadCheckpoint(model, {}), Refused("y_shift is a list of 3, expected 2 numbers"));
}

TEST_F(SidecarTest, ErrorsInItNameIt) {
  const std::string model = WriteModel();
  const std::string sidecar = directory_.Write("model.json", "{");
  EXPECT_THAT(LoadCheckpoint(model, {}), Refused(sidecar + ": is no JSON"));
}

TEST_F(SidecarTest, MustBeAFileIfItIsThere) {
  const std::string model = WriteModel();
  ASSERT_EQ(symlink("/dev/zero", directory_.Path("model.json").c_str()), 0);
  EXPECT_THAT(LoadCheckpoint(model, {}), Refused("model.json: is no regular file"));
}

TEST_F(SidecarTest, IsNotReadByParseCheckpoint) {
  directory_.Write("model.json", "{");
  EXPECT_THAT(ParseCheckpoint(ReadFile(WriteModel()), directory_.Path("model.safetensors"),
                              WithNoiseType(NoiseType::kDiagonal)),
              Loads());
}

}  // namespace
}  // namespace mdn

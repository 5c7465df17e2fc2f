#include "server/repository/model_loader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/repository/version_files.h"
#include "tests/support/temporary_directory.h"

namespace mdn {
namespace {

using ::testing::HasSubstr;

absl::StatusOr<std::shared_ptr<ServedModel>> Load(const std::string& file,
                                                  const std::string& engine) {
  ModelOptions options;
  options.load.allow_torchscript = true;
  options.engine = engine;
  return LoadModel(std::string(MDN_TEST_DATA "/") + file, "model", 1, options);
}

std::string EngineName(const std::string& file, const std::string& engine) {
  const auto model = Load(file, engine);
  EXPECT_TRUE(model.ok()) << model.status();
  return model.ok() ? std::string((*model)->engine().name()) : "";
}

TEST(ModelLoaderTest, EvaluatesTheStandardNetworkNativelyUnlessTold) {
  EXPECT_EQ(EngineName("ex_1d.pt", "auto"), "native");
  EXPECT_EQ(EngineName("ex_1d.pt", "native"), "native");
  EXPECT_EQ(EngineName("ex_1d.pt", "torch"), "torch");
}

TEST(ModelLoaderTest, EvaluatesTorchScriptWithLibTorch) {
  EXPECT_EQ(EngineName("small_torchscript.ts", "auto"), "torch");
  EXPECT_EQ(EngineName("small_torchscript.ts", "torch"), "torch");
}

TEST(ModelLoaderTest, RefusesTorchScriptForTheNativeEngine) {
  const absl::Status status = Load("small_torchscript.ts", "native").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(), MDN_TEST_DATA
            "/small_torchscript.ts: the native engine evaluates the standard network only; a "
            "TorchScript archive needs the torch engine");
}

TEST(ModelLoaderTest, RefusesAnEngineThatDoesNotExist) {
  const absl::Status status = Load("ex_1d.pt", "gpu").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(status.message(), HasSubstr("there is no 'gpu'; expected auto, native or torch"));
}

class LoadVersionTest : public testing::Test {
 protected:
  void Copy(const std::string& file, const std::string& to) const {
    std::filesystem::copy_file(std::string(MDN_TEST_DATA "/") + file, directory_.path() + "/" + to);
  }
  absl::StatusOr<std::unique_ptr<ServedModel>> LoadIt() const {
    return LoadVersion(directory_.path(), VersionFingerprint(directory_.path()), "wind", 7,
                       ModelOptions());
  }

  TemporaryDirectory directory_;
};

TEST_F(LoadVersionTest, MakesAModelOfADirectory) {
  Copy("small_fixed.pt", "model.pt");
  Copy("small_fixed.json", "model.json");
  const auto model = LoadIt();
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ((*model)->description().name, "wind");
  EXPECT_EQ((*model)->description().version, 7);
  EXPECT_EQ((*model)->description().config.noise_type, NoiseType::kFixed);
}

TEST_F(LoadVersionTest, NamesTheFileWithoutItsDirectory) {
  EXPECT_EQ(LoadIt().status().message(), "holds no model.safetensors, model.pt or model.ts");
  Copy("small_bad_nan_weight.pt", "model.pt");
  EXPECT_EQ(LoadIt().status().message(),
            "model.pt: pi_network.0.weight[0, 0] is nan; weights must be finite");
  directory_.Write("model.json", "[");
  EXPECT_THAT(std::string(LoadIt().status().message()), testing::StartsWith("model.json"));
}

TEST_F(LoadVersionTest, RefusesTorchScriptUnlessAllowed) {
  Copy("small_torchscript.ts", "model.ts");
  EXPECT_THAT(std::string(LoadIt().status().message()),
              testing::StartsWith("model.ts: is a TorchScript archive"));
}

TEST_F(LoadVersionTest, TriesTheGoldenRows) {
  Copy("ex_1d.pt", "model.pt");
  Copy("ex_1d.json", "model.json");
  const auto model = LoadIt();
  ASSERT_TRUE(model.ok()) << model.status();
  Mixture mixture;
  ASSERT_TRUE((*model)->engine().Evaluate({0.5f}, 1, mixture).ok());
  const std::string log_pi = absl::StrJoin(mixture.log_pi, ",");
  directory_.Write("golden.json", absl::StrCat(R"({"x": [[0.5]], "log_pi": [[)", log_pi, "]]}"));
  EXPECT_TRUE(LoadIt().ok()) << LoadIt().status();
  directory_.Write("golden.json", absl::StrCat(R"({"x": [[0.75]], "log_pi": [[)", log_pi, "]]}"));
  const absl::Status status = LoadIt().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()),
              testing::StartsWith("golden.json: log_pi: row 0, element 0 is "));
}

}  // namespace
}  // namespace mdn

#include "server/repository/model_loader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace mdn {
namespace {

using ::testing::HasSubstr;

absl::StatusOr<std::shared_ptr<ServedModel>> Load(const std::string& file,
                                                  const std::string& engine) {
  LoadOptions options;
  options.allow_torchscript = true;
  return LoadModel(std::string(MDN_TEST_DATA "/") + file, options, "model", 1, engine, {});
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

}  // namespace
}  // namespace mdn

#include "model/engine/torch_module.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

namespace mdn {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;

const char kScript[] = MDN_TEST_DATA "/small_torchscript.ts";

Checkpoint Script() {
  LoadOptions options;
  options.allow_torchscript = true;
  auto checkpoint = LoadCheckpoint(kScript, options);
  EXPECT_TRUE(checkpoint.ok()) << checkpoint.status();
  return *std::move(checkpoint);
}

std::string Error(const std::string& path) {
  const auto engine = MakeEngineOfModule(path, Script());
  EXPECT_EQ(engine.status().code(), absl::StatusCode::kFailedPrecondition);
  return std::string(engine.status().message());
}

TEST(TorchModuleTest, IsFoundBesideThePrograms) {
  const std::filesystem::path tests = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  EXPECT_EQ(TorchModulePath(), tests.parent_path() / "lib/mdn/libmdn_torch_engine.so");
}

TEST(TorchModuleTest, MakesTheEngineOfLibTorch) {
  const auto engine = MakeEngineOfModule(TorchModulePath(), Script());
  ASSERT_TRUE(engine.ok()) << engine.status();
  EXPECT_EQ((*engine)->name(), "torch");
  Mixture mixture;
  const std::vector<float> x((*engine)->dim_in(), 0.5f);
  EXPECT_TRUE((*engine)->Evaluate(x, 1, mixture).ok());
  EXPECT_EQ(mixture.rows, 1);
}

TEST(TorchModuleTest, PassesTheEnginesErrorsOn) {
  Checkpoint checkpoint = Script();
  checkpoint.script.resize(100);
  const auto engine = MakeEngineOfModule(TorchModulePath(), checkpoint);
  EXPECT_EQ(engine.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(engine.status().message(), HasSubstr("LibTorch cannot use the network"));
}

TEST(TorchModuleTest, ServesManyThreadsAtOnce) {
  const Checkpoint checkpoint = Script();
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back(
        [&checkpoint] { EXPECT_TRUE(MakeEngineOfModule(TorchModulePath(), checkpoint).ok()); });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(TorchModuleTest, OpenBlasGetsOneThreadUnlessTheEnvironmentSaysOtherwise) {
  unsetenv("OPENBLAS_NUM_THREADS");
  KeepOpenBlasSingleThreaded();
  EXPECT_STREQ(getenv("OPENBLAS_NUM_THREADS"), "1");
  setenv("OPENBLAS_NUM_THREADS", "3", /*replace=*/1);
  KeepOpenBlasSingleThreaded();
  EXPECT_STREQ(getenv("OPENBLAS_NUM_THREADS"), "3");
}

TEST(TorchModuleTest, SaysWhereItIsMissingAndWhatToInstall) {
  EXPECT_EQ(Error("/nowhere/module.so"),
            "the model needs LibTorch, whose module /nowhere/module.so is not installed; use the "
            "image flavour 'torch', or build with -DMDN_TORCH=ON and install its component "
            "mdn_torch");
}

TEST(TorchModuleTest, SaysWhyItCannotBeLoaded) {
  EXPECT_THAT(Error(kScript), HasSubstr(std::string(kScript) + " cannot be loaded: "));
}

TEST(TorchModuleTest, RefusesAnotherLibrary) {
  EXPECT_THAT(Error(MDN_FOREIGN_LIBRARY), HasSubstr("is no module of mdn_server; "));
}

TEST(TorchModuleTest, RefusesAModuleOfAnotherBuild) {
  EXPECT_THAT(Error(MDN_MODULE_OF_ANOTHER_BUILD),
              MatchesRegex(".*/libmodule_of_another_build.so is of build 0.0.1-anything, and the "
                           "program of 0[.0-9]+-[0-9a-f]+; install both from the same build"));
}

}  // namespace
}  // namespace mdn

#include "model/checkpoint/checkpoint_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "model/checkpoint/checkpoint.h"
#include "tests/model/checkpoint/checkpoint_files.h"
#include "tests/model/checkpoint/fails.h"

namespace mdn {
namespace {

class CheckpointFileTest : public ::testing::Test {
 protected:
  const TemporaryDirectory directory_;
};

TEST_F(CheckpointFileTest, AMissingFileIsNotFound) {
  const auto checkpoint = LoadCheckpoint(directory_.Path("model.pt"), {});
  EXPECT_TRUE(absl::IsNotFound(checkpoint.status())) << checkpoint.status();
  EXPECT_NE(checkpoint.status().message().find("model.pt"), absl::string_view::npos);
}

TEST_F(CheckpointFileTest, AFileInPlaceOfADirectoryIsNotFound) {
  const std::string file = directory_.Write("model.pt", "x");
  EXPECT_TRUE(absl::IsNotFound(LoadCheckpoint(file + "/model.pt", {}).status()));
}

TEST_F(CheckpointFileTest, AFileOfOthersIsPermissionDenied) {
  if (geteuid() == 0) GTEST_SKIP() << "root may read every file";
  const std::string file = directory_.Write("model.pt", "x");
  ASSERT_EQ(chmod(file.c_str(), 0), 0);
  EXPECT_TRUE(absl::IsPermissionDenied(LoadCheckpoint(file, {}).status()));
}

TEST_F(CheckpointFileTest, RefusesADirectory) {
  EXPECT_THAT(LoadCheckpoint(directory_.Path(""), {}), Refused("is a directory, expected a file"));
}

TEST_F(CheckpointFileTest, RefusesAPipeWithoutWaitingForAWriter) {
  const std::string pipe = directory_.Path("model.pt");
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_THAT(LoadCheckpoint(pipe, {}), Refused("is no regular file"));
}

TEST_F(CheckpointFileTest, RefusesAnEndlessDevice) {
  EXPECT_THAT(LoadCheckpoint("/dev/zero", {}), Refused("is no regular file"));
}

TEST_F(CheckpointFileTest, RefusesAnEmptyFile) {
  EXPECT_THAT(LoadCheckpoint(directory_.Write("model.pt", ""), {}), Refused("is empty"));
}

TEST_F(CheckpointFileTest, RefusesAHugeFileBeforeReadingIt) {
  const std::string file = directory_.Write("model.pt", "");
  ASSERT_EQ(truncate(file.c_str(), off_t{1} << 40), 0);
  EXPECT_THAT(LoadCheckpoint(file, {}),
              Refused("has 1099511627776 bytes, expected at most 4294967296"));
}

TEST_F(CheckpointFileTest, TheLimitOnTheSizeIsInclusive) {
  const std::string file = directory_.Write("file", "12345678");
  EXPECT_EQ(ReadRegularFile(file, 8).value(), "12345678");
  EXPECT_THAT(ReadRegularFile(file, 7), Refused("has 8 bytes, expected at most 7"));
}

TEST_F(CheckpointFileTest, FollowsASymbolicLink) {
  const std::string file = directory_.Write("file", "text");
  ASSERT_EQ(symlink(file.c_str(), directory_.Path("link").c_str()), 0);
  EXPECT_EQ(ReadRegularFile(directory_.Path("link"), 100).value(), "text");
}

TEST_F(CheckpointFileTest, RefusesWhatIsNoCheckpoint) {
  EXPECT_THAT(LoadCheckpoint(directory_.Write("model.pt", "import torch\n"), {}),
              Refused("is no checkpoint: expected what torch.save, torch.jit.save or safetensors"));
}

TEST(Sha256Test, IsTheOneOfTheStandard) {
  EXPECT_EQ(Sha256Hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(CheckpointFormatTest, HasNames) {
  EXPECT_EQ(CheckpointFormatName(CheckpointFormat::kPyTorch), "pytorch");
  EXPECT_EQ(CheckpointFormatName(CheckpointFormat::kPyTorchLegacy), "pytorch-legacy");
  EXPECT_EQ(CheckpointFormatName(CheckpointFormat::kSafetensors), "safetensors");
  EXPECT_EQ(CheckpointFormatName(CheckpointFormat::kTorchScript), "torchscript");
}

}  // namespace
}  // namespace mdn

#include "server/repository/version_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "model/checkpoint/checkpoint_file.h"
#include "tests/support/temporary_directory.h"

namespace mdn {
namespace {

using ::testing::HasSubstr;

class VersionFilesTest : public testing::Test {
 protected:
  absl::StatusOr<VersionFiles> Read() const {
    return ReadVersionFiles(directory_.path(), VersionFingerprint(directory_.path()), 1000);
  }
  static std::string Sum(const std::string& bytes, const std::string& file) {
    return absl::StrCat(Sha256Hex(bytes), "  ", file, "\n");
  }
  std::string Message() const { return std::string(Read().status().message()); }

  TemporaryDirectory directory_;
};

TEST_F(VersionFilesTest, ReadsWhatIsThere) {
  directory_.Write("model.pt", "weights");
  auto files = Read();
  ASSERT_TRUE(files.ok()) << files.status();
  EXPECT_EQ(files->checkpoint_name, "model.pt");
  EXPECT_EQ(files->checkpoint, "weights");
  EXPECT_FALSE(files->config.has_value());
  directory_.Write("model.json", "{}");
  directory_.Write("golden.json", "[]");
  files = Read();
  ASSERT_TRUE(files.ok()) << files.status();
  EXPECT_EQ(files->config, "{}");
  EXPECT_EQ(files->golden, "[]");
}

TEST_F(VersionFilesTest, PrefersSafetensorsThenPyTorchThenTorchScript) {
  directory_.Write("model.ts", "script");
  EXPECT_EQ(Read()->checkpoint, "script");
  directory_.Write("model.pt", "weights");
  EXPECT_EQ(Read()->checkpoint, "weights");
  directory_.Write("model.safetensors", "tensors");
  EXPECT_EQ(Read()->checkpoint, "tensors");
}

TEST_F(VersionFilesTest, SaysWhatIsMissingOrUnfit) {
  EXPECT_EQ(Read().status(),
            absl::NotFoundError("holds no model.safetensors, model.pt or model.ts"));
  directory_.Write("model.pt", std::string(1001, 'x'));
  EXPECT_EQ(Message(), "model.pt: has 1001 bytes, expected at most 1000");
  directory_.Remove("model.pt");
  ASSERT_EQ(mkfifo(absl::StrCat(directory_.path(), "/model.pt").c_str(), 0600), 0);
  EXPECT_EQ(Message(), "model.pt: is no regular file, expected a file");
  directory_.Remove("model.pt");
  directory_.Write("model.pt/inside", "");
  EXPECT_EQ(Message(), "model.pt: is a directory, expected a file");
}

TEST_F(VersionFilesTest, HonoursTheSums) {
  directory_.Write("model.pt", "weights");
  directory_.Write("model.json", "{}");
  directory_.Write("SHA256SUMS", absl::StrCat(Sum("weights", "model.pt"), Sum("{}", "./model.json"),
                                              Sum("something else", "README.md")));
  EXPECT_TRUE(Read().ok()) << Read().status();
  directory_.Write("model.pt", "weighty");
  EXPECT_EQ(Message(), absl::StrCat("model.pt: has the SHA-256 sum ", Sha256Hex("weighty"),
                                    "; SHA256SUMS expects ", Sha256Hex("weights")));
}

TEST_F(VersionFilesTest, TheSumsTellOfFilesThatAreNotThereYet) {
  directory_.Write("model.pt", "weights");
  directory_.Write("SHA256SUMS", absl::StrCat(Sum("weights", "model.pt"), Sum("{}", "model.json")));
  EXPECT_EQ(Message(), "model.json: is listed in SHA256SUMS, but is not there");
}

TEST_F(VersionFilesTest, AFileThatTheSumsLeaveOutIsRefused) {
  directory_.Write("model.pt", "weights");
  directory_.Write("golden.json", "{}");
  directory_.Write("SHA256SUMS", Sum("weights", "model.pt"));
  EXPECT_EQ(Message(), "golden.json: is not listed in SHA256SUMS");
}

TEST_F(VersionFilesTest, RefusesSumsThatAreNone) {
  directory_.Write("model.pt", "weights");
  for (const char* sums : {"nonsense\n", "0123  model.pt\n"}) {
    directory_.Write("SHA256SUMS", sums);
    EXPECT_THAT(Message(), HasSubstr("SHA256SUMS: cannot use the line ")) << sums;
  }
  directory_.Write("SHA256SUMS", "");
  EXPECT_EQ(Message(), "model.pt: is not listed in SHA256SUMS");
}

TEST_F(VersionFilesTest, NoticesThatFilesHaveChangedSince) {
  directory_.Write("model.pt", "weights");
  const std::string before = VersionFingerprint(directory_.path());
  EXPECT_EQ(before, VersionFingerprint(directory_.path()));
  directory_.Write("model.json", "{}");
  EXPECT_NE(before, VersionFingerprint(directory_.path()));
  EXPECT_EQ(ReadVersionFiles(directory_.path(), before, 1000).status(),
            absl::AbortedError("the files changed while they were read"));
}

TEST_F(VersionFilesTest, TheFingerprintChangesWithAnythingThatMatters) {
  directory_.Write("model.pt", "weights");
  const std::string before = VersionFingerprint(directory_.path());
  directory_.Write("model.pt.new", "weights");  // The same bytes.
  directory_.Rename("model.pt.new", "model.pt");
  const std::string renamed = VersionFingerprint(directory_.path());
  EXPECT_NE(renamed, before);
  ASSERT_EQ(chmod(absl::StrCat(directory_.path(), "/model.pt").c_str(), 0400), 0);
  EXPECT_NE(VersionFingerprint(directory_.path()), renamed);
  EXPECT_EQ(VersionFingerprint(directory_.path() + "/model.pt"), "");
  EXPECT_EQ(VersionFingerprint(directory_.path() + "/nothing"), "");
}

}  // namespace
}  // namespace mdn

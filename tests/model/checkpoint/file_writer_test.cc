#include "model/checkpoint/file_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "tests/model/checkpoint/checkpoint_files.h"

namespace mdn {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> NamesIn(const std::string& directory) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    names.push_back(entry.path().filename().string());
  }
  return names;
}

TEST(WriteFileAtomicallyTest, MakesFoldersAndLeavesTheFileAlone) {
  const TemporaryDirectory directory;
  ASSERT_TRUE(WriteFileAtomically(directory.Path("a/b/file"), "old").ok());
  ASSERT_TRUE(WriteFileAtomically(directory.Path("a/b/file"), std::string("n\0w", 3)).ok());
  EXPECT_EQ(ReadFile(directory.Path("a/b/file")), std::string("n\0w", 3));
  EXPECT_THAT(NamesIn(directory.Path("a/b")), ElementsAre("file"));
  struct stat status {};
  ASSERT_EQ(stat(directory.Path("a/b/file").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0644);
}

TEST(WriteFileAtomicallyTest, NamesThePathThatCannotBe) {
  const TemporaryDirectory directory;
  directory.Write("file", "text");
  const absl::Status status = WriteFileAtomically(directory.Path("file/below"), "text");
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(),
            directory.Path("file/below") + ": cannot be written: Not a directory");
}

TEST(WriteFileAtomicallyTest, LeavesTheOldFileWhereADirectoryStandsInTheWay) {
  const TemporaryDirectory directory;
  std::filesystem::create_directory(directory.Path("place"));
  directory.Write("place/inside", "text");
  EXPECT_FALSE(WriteFileAtomically(directory.Path("place"), "text").ok());
  EXPECT_EQ(ReadFile(directory.Path("place/inside")), "text");
  EXPECT_THAT(NamesIn(directory.Path("")), ElementsAre("place"));
}

// A limit on the size of files stands for a full disk; it holds for the process from now on.
bool KeepsTheOldFileWhenTheDiskIsFull() {
  std::signal(SIGXFSZ, SIG_IGN);
  const rlimit limit{1000, 1000};
  setrlimit(RLIMIT_FSIZE, &limit);
  const TemporaryDirectory directory;
  const std::string path = directory.Write("file", "old");
  const absl::Status status = WriteFileAtomically(path, std::string(5000, 'x'));
  return status.code() == absl::StatusCode::kResourceExhausted && ReadFile(path) == "old" &&
         NamesIn(directory.Path("")).size() == 1;
}

TEST(WriteFileAtomicallyDeathTest, LeavesTheOldFileWhenTheDiskIsFull) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(std::_Exit(KeepsTheOldFileWhenTheDiskIsFull() ? 7 : 1), ::testing::ExitedWithCode(7),
              "");
}

}  // namespace
}  // namespace mdn

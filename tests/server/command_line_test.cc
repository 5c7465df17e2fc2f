#include "server/command_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/flags/flag.h"
#include "absl/flags/reflection.h"

ABSL_FLAG(int, command_line_test_number, 1, "A number for this test.");
ABSL_FLAG(bool, command_line_test_switch, false, "A switch for this test.");
ABSL_FLAG(std::vector<std::string>, command_line_test_list, {}, "A list for this test.");

namespace mdn {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class ParseFlagsTest : public testing::Test {
 private:
  absl::FlagSaver saver_;
};

TEST_F(ParseFlagsTest, SetsValuesInBothForms) {
  ASSERT_TRUE(ParseFlags({"--command_line_test_number=7"}).ok());
  EXPECT_EQ(absl::GetFlag(FLAGS_command_line_test_number), 7);
  ASSERT_TRUE(ParseFlags({"--command_line_test_number", "8"}).ok());
  EXPECT_EQ(absl::GetFlag(FLAGS_command_line_test_number), 8);
}

TEST_F(ParseFlagsTest, SetsSwitchesOnAndOff) {
  ASSERT_TRUE(ParseFlags({"--command_line_test_switch"}).ok());
  EXPECT_TRUE(absl::GetFlag(FLAGS_command_line_test_switch));
  ASSERT_TRUE(ParseFlags({"--nocommand_line_test_switch"}).ok());
  EXPECT_FALSE(absl::GetFlag(FLAGS_command_line_test_switch));
}

TEST_F(ParseFlagsTest, JoinsARepeatedList) {
  ASSERT_TRUE(ParseFlags({"--command_line_test_list=a,b", "--command_line_test_list=c"}).ok());
  EXPECT_THAT(absl::GetFlag(FLAGS_command_line_test_list), ElementsAre("a", "b", "c"));
}

TEST_F(ParseFlagsTest, ReturnsWhatIsNoFlag) {
  const auto rest = ParseFlags({"one", "--command_line_test_number=2", "-", "--", "--two"});
  ASSERT_TRUE(rest.ok());
  EXPECT_THAT(*rest, ElementsAre("one", "-", "--two"));
}

TEST_F(ParseFlagsTest, SuggestsTheNearestFlag) {
  const auto rest = ParseFlags({"--command_line_test_numbr=2"});
  EXPECT_EQ(rest.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(rest.status().message(),
            "there is no flag --command_line_test_numbr; did you mean "
            "--command_line_test_number?");
}

TEST_F(ParseFlagsTest, RefusesAValueThatDoesNotFit) {
  const auto rest = ParseFlags({"--command_line_test_number=many"});
  EXPECT_EQ(rest.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(rest.status().message()),
              HasSubstr("--command_line_test_number: cannot use 'many'"));
}

TEST_F(ParseFlagsTest, RefusesAFlagWithoutItsValue) {
  EXPECT_EQ(ParseFlags({"--command_line_test_number"}).status().message(),
            "--command_line_test_number has no value");
}

TEST_F(ParseFlagsTest, RefusesASingleFlagGivenTwice) {
  const auto rest = ParseFlags({"--command_line_test_number=1", "--command_line_test_number=2"});
  EXPECT_EQ(rest.status().message(), "--command_line_test_number is given 2 times; expected once");
}

TEST_F(ParseFlagsTest, HelpShowsDefaultsOfTheFileAlone) {
  const std::string help = FlagsHelp("server/command_line_test.cc");
  EXPECT_THAT(help, HasSubstr("  --command_line_test_number=1\n      A number for this test.\n"));
  EXPECT_EQ(help.find("--listen"), std::string::npos);
}

}  // namespace
}  // namespace mdn

#include "server/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/reflection.h"
#include "absl/time/time.h"
#include "server/command_line.h"
#include "tests/support/temporary_directory.h"

ABSL_FLAG(std::string, config, "", "The file of this test's settings.");
ABSL_FLAG(int, settings_test_number, 1, "A number for this test.");
ABSL_FLAG(bool, settings_test_switch, false, "A switch for this test.");
ABSL_FLAG(absl::Duration, settings_test_wait, absl::Seconds(5), "A duration for this test.");
ABSL_FLAG(std::vector<std::string>, settings_test_list, {"a"}, "A list for this test.");

namespace mdn {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr char kThisFile[] = "server/settings_test.cc";

class SettingsTest : public testing::Test {
 protected:
  SettingsTest() { ForgetSettingNames(); }

  absl::Status Read(const std::string& text) {
    return SetFromFile(directory_.Write("settings", text), kThisFile);
  }

  const TemporaryDirectory directory_;
  const std::string path_ = directory_.Path("settings");

 private:
  absl::FlagSaver saver_;
};

TEST_F(SettingsTest, AFileSetsEveryTypeOfFlag) {
  const absl::Status status = Read(R"({
    // What this test sets.
    "settings_test_number": 7, "settings_test_switch": true, /* and */
    "settings_test_wait": "20ms", "settings_test_list": ["b", "c"]})");
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(absl::GetFlag(FLAGS_settings_test_number), 7);
  EXPECT_TRUE(absl::GetFlag(FLAGS_settings_test_switch));
  EXPECT_EQ(absl::GetFlag(FLAGS_settings_test_wait), absl::Milliseconds(20));
  EXPECT_THAT(absl::GetFlag(FLAGS_settings_test_list), ElementsAre("b", "c"));
  EXPECT_EQ(SettingName("settings_test_number"), "settings_test_number in " + path_);
}

TEST_F(SettingsTest, TheCommandLineGoesBeforeTheEnvironmentAndThatBeforeTheFile) {
  ASSERT_TRUE(ParseFlags({"--settings_test_number=2"}).ok());
  ASSERT_TRUE(
      SetFromEnvironment({"MDN_SETTINGS_TEST_NUMBER=3", "MDN_SETTINGS_TEST_WAIT=3s"}, kThisFile)
          .ok());
  ASSERT_TRUE(Read(R"({"settings_test_number": 4, "settings_test_wait": "4s",
                       "settings_test_switch": true})")
                  .ok());
  EXPECT_EQ(absl::GetFlag(FLAGS_settings_test_number), 2);
  EXPECT_EQ(absl::GetFlag(FLAGS_settings_test_wait), absl::Seconds(3));
  EXPECT_TRUE(absl::GetFlag(FLAGS_settings_test_switch));
  EXPECT_EQ(SettingName("settings_test_number"), "--settings_test_number");
  EXPECT_EQ(SettingName("settings_test_wait"), "MDN_SETTINGS_TEST_WAIT");
  EXPECT_EQ(SettingName("settings_test_list"), "--settings_test_list");
}

TEST_F(SettingsTest, LeavesVariablesOfOthersAlone) {
  EXPECT_TRUE(SetFromEnvironment(
                  {"HOME=/", "MDN_CLIENT_SERVER=a:1", "MDN_SERVER_SERVICE_HOST=10.0.0.1",
                   "MDN_SERVER_SERVICE_PORT_GRPC=50051", "MDN_SERVER_PORT=tcp://10.0.0.1:50051",
                   "MDN_SERVER_SERVICE_PORT=50051", "MDN_SERVER_PORT_50051_TCP=tcp://10.0.0.1:1",
                   "MDN_SERVER_PORT_50051_TCP_PROTO=tcp", "MDN_SERVER_PORT_50051_TCP_PORT=50051",
                   "MDN_SERVER_PORT_50051_TCP_ADDR=10.0.0.1"},
                  kThisFile)
                  .ok());
}

TEST_F(SettingsTest, RefusesWhatOnlyLooksLikeAVariableOfKubernetes) {
  for (const char* const variable :
       {"MDN_METRICS_PORT=9464", "MDN_PORT=tcp://10.0.0.1:50051", "MDN_SERVICE_PORT=1",
        "MDN_LISTEN_PORT_=1", "MDN_LISTEN_PORT_GRPC=1", "MDN_SERVER_SERVICE_PORT_GRPC=any"}) {
    EXPECT_EQ(SetFromEnvironment({variable}, kThisFile).code(), absl::StatusCode::kInvalidArgument)
        << variable;
  }
}

TEST_F(SettingsTest, RefusesAnUnknownVariableAndNamesTheNearest) {
  const absl::Status status = SetFromEnvironment({"MDN_SETTINGS_TEST_NUMER=3"}, kThisFile);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(),
            "there is no setting MDN_SETTINGS_TEST_NUMER of the environment; did you mean "
            "MDN_SETTINGS_TEST_NUMBER?");
}

TEST_F(SettingsTest, NamesTheVariableWhoseValueDoesNotFit) {
  const absl::Status status = SetFromEnvironment({"MDN_SETTINGS_TEST_NUMBER=many"}, kThisFile);
  EXPECT_THAT(std::string(status.message()),
              "MDN_SETTINGS_TEST_NUMBER: cannot use 'many'; expected a whole number");
}

TEST_F(SettingsTest, SaysWhatIsWrongWithAFile) {
  const std::string file = "--config: " + path_ + " ";
  EXPECT_EQ(SetFromFile("/no/such/file", kThisFile).message(),
            "--config: /no/such/file cannot be read");
  EXPECT_THAT(std::string(SetFromFile("/", kThisFile).message()),
              StartsWith("--config: / cannot be read"));
  EXPECT_THAT(std::string(Read("threads: 2").message()), StartsWith(file + "is no JSON: "));
  EXPECT_EQ(Read("[]").message(), file + "is array, expected a JSON object");
  EXPECT_EQ(Read(R"({"settings_test_number": 1, "settings_test_number": 2})").message(),
            file + "has the key settings_test_number twice");
  EXPECT_EQ(Read(std::string((1 << 20) + 1, ' ')).message(), file + "is larger than 1 MiB");
}

TEST_F(SettingsTest, SaysWhatIsWrongWithASettingOfAFile) {
  const std::string in_file = " in " + path_;
  EXPECT_EQ(
      Read(R"({"settings_test_numbr": 1})").message(),
      "there is no setting settings_test_numbr" + in_file + "; did you mean settings_test_number?");
  EXPECT_EQ(Read(R"({"config": "other.json"})").message(),
            "there is no setting config" + in_file + "; --help lists them");
  EXPECT_EQ(Read(R"({"settings_test_number": {"a": 1}})").message(),
            "settings_test_number" + in_file +
                ": got object of 1; expected a string, a number, true, false or a list of strings");
  EXPECT_EQ(Read(R"({"settings_test_number": null})").message(),
            "settings_test_number" + in_file +
                ": got null; expected a string, a number, true, false or a list of strings");
  EXPECT_EQ(Read(R"({"settings_test_wait": 5})").message(),
            "settings_test_wait" + in_file +
                ": cannot use '5'; expected a duration such as 100us, 5s or 1m30s");
}

TEST_F(SettingsTest, WhatItPrintsCanBeReadAgain) {
  ASSERT_TRUE(ParseFlags({"--settings_test_number=2", "--settings_test_list=x,y"}).ok());
  const std::string text = SettingsFile(kThisFile);
  EXPECT_EQ(text,
            "{\n"
            "  \"settings_test_list\": [\"x\",\"y\"],  // --settings_test_list\n"
            "  \"settings_test_number\": 2,  // --settings_test_number\n"
            "  \"settings_test_switch\": false,\n"
            "  \"settings_test_wait\": \"5s\"\n"
            "}\n");
  ForgetSettingNames();
  absl::SetFlag(&FLAGS_settings_test_number, 1);
  const absl::Status status = Read(text);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(absl::GetFlag(FLAGS_settings_test_number), 2);
  EXPECT_THAT(absl::GetFlag(FLAGS_settings_test_list), ElementsAre("x", "y"));
}

TEST_F(SettingsTest, TheLineForTheLogTellsWhatWasSetFromDefaults) {
  ASSERT_TRUE(SetFromEnvironment({"MDN_SETTINGS_TEST_NUMBER=3"}, kThisFile).ok());
  const std::string line = SettingsLine(kThisFile);
  EXPECT_THAT(line, StartsWith("settings_test_number=3 (MDN_SETTINGS_TEST_NUMBER); defaults: "));
  EXPECT_THAT(line, HasSubstr("settings_test_list=[\"a\"]"));
  EXPECT_THAT(line, EndsWith("settings_test_wait=\"5s\""));
}

TEST_F(SettingsTest, ShowsWhatIsNotUtf8) {
  absl::SetFlag(&FLAGS_settings_test_list, {"/models/\xff"});
  const std::string shown = "[\"/models/\xEF\xBF\xBD\"]";
  EXPECT_THAT(SettingsLine(kThisFile), HasSubstr("settings_test_list=" + shown));
  EXPECT_THAT(SettingsFile(kThisFile), HasSubstr("\"settings_test_list\": " + shown));
}

}  // namespace
}  // namespace mdn

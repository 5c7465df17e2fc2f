#include "server/log/log.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_split.h"

namespace mdn {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;

/// What a log writes, read after its end.
class LogTest : public testing::Test {
 protected:
  LogTest() { EXPECT_EQ(pipe2(ends_.data(), O_CLOEXEC), 0); }
  ~LogTest() override {
    close(ends_[0]);
    close(ends_[1]);
  }
  int writer() const { return ends_[1]; }
  /// What has been written so far.
  std::string Read() const {
    fcntl(ends_[0], F_SETFL, O_NONBLOCK);
    std::string text;
    std::array<char, 65536> chunk{};
    for (ssize_t count = 0; (count = read(ends_[0], chunk.data(), chunk.size())) > 0;) {
      text.append(chunk.data(), count);
    }
    return text;
  }

 private:
  std::array<int, 2> ends_{};
};

TEST_F(LogTest, WritesWhatIsOfItsLevel) {
  {
    const Log log(LogFormat::kText, spdlog::level::info, writer());
    spdlog::info("one");
    spdlog::debug("two");
    spdlog::set_level(MoreVerbose(spdlog::get_level()));
    spdlog::debug("three");
  }
  const std::vector<std::string> lines = absl::StrSplit(Read(), '\n');
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_THAT(lines[0], EndsWith("[mdn_server] [info] one"));
  EXPECT_THAT(lines[1], EndsWith("[mdn_server] [debug] three"));
  EXPECT_EQ(lines[2], "");
}

TEST_F(LogTest, AMessageIsOneLineOfJsonWhateverItHolds) {
  {
    const Log log(LogFormat::kJson, spdlog::level::info, writer());
    spdlog::warn("a \"quoted\"\nline\x1b[2J and \xff");
    log.field_logger()->info(Fields(LogFormat::kJson).Add("code", "OK").Add("us", 7).text());
  }
  const std::vector<std::string> lines = absl::StrSplit(Read(), '\n');
  ASSERT_EQ(lines.size(), 3u);
  const auto message = nlohmann::json::parse(lines[0]);
  EXPECT_EQ(message["level"], "warning");
  EXPECT_EQ(message["message"], "a \"quoted\"\nline\x1b[2J and \xef\xbf\xbd");
  EXPECT_THAT(message["time"].get<std::string>(),
              testing::MatchesRegex("[0-9-]+T[0-9:]+\\.[0-9]{6}Z"));
  const auto fields = nlohmann::json::parse(lines[1]);
  EXPECT_EQ(fields["code"], "OK");
  EXPECT_EQ(fields["us"], 7);
}

TEST_F(LogTest, AMessageIsOneLineOfTextWhateverItHolds) {
  {
    const Log log(LogFormat::kText, spdlog::level::info, writer());
    spdlog::info("a\nline\x1b[2J");
  }
  EXPECT_THAT(Read(), EndsWith("[info] a?line?[2J\n"));
}

TEST_F(LogTest, EndsWhileItsLastMessageIsBeingWritten) {
  for (int i = 0; i < 3000; ++i) {
    {
      const Log log(LogFormat::kText, spdlog::level::info, writer());
      spdlog::info("last");
      if (i % 2 != 0) std::this_thread::yield();  // Half of the time the writer has begun.
    }
    ASSERT_THAT(Read(), EndsWith("[info] last\n"));
  }
}

TEST_F(LogTest, FieldsOfTextStandSideBySide) {
  EXPECT_EQ(Fields(LogFormat::kText).Add("code", "OK").Add("us", 7).text(), "code=OK us=7");
}

TEST_F(LogTest, LevelsEndAtDebugAndError) {
  EXPECT_EQ(ParseLogLevel("warning"), spdlog::level::warn);
  EXPECT_FALSE(ParseLogLevel("trace").has_value());
  EXPECT_EQ(LessVerbose(spdlog::level::warn), spdlog::level::err);
  EXPECT_EQ(LessVerbose(spdlog::level::err), spdlog::level::err);
  EXPECT_EQ(MoreVerbose(spdlog::level::debug), spdlog::level::debug);
}

TEST_F(LogTest, NobodyWaitsForAReaderThatStoppedAndLossesAreTold) {
  constexpr int kMessages = 50'000;  // More than the pipe and the queue hold.
  // Who waited for each message would need hours.
  const auto begin = std::chrono::steady_clock::now();
  std::string rest;
  {
    const Log log(LogFormat::kText, spdlog::level::info, writer());
    for (int i = 0; i < kMessages; ++i) spdlog::info("message {} {}", i, std::string(100, 'x'));
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(60));
    rest = Read();
    // What comes now fits, and tells of the rest.
    while (rest.find("messages of the log are lost") == std::string::npos &&
           std::chrono::steady_clock::now() - begin < std::chrono::seconds(60)) {
      spdlog::info("after");
      rest += Read();
    }
  }
  EXPECT_THAT(rest, HasSubstr("messages of the log are lost, since nobody read them in time"));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(90));
}

}  // namespace
}  // namespace mdn

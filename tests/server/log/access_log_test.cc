#include "server/log/access_log.h"

#include <gtest/gtest.h>

#include <string>

namespace mdn {
namespace {

TEST(AccessLogTest, TakesRequestIdsThatCannotForgeALine) {
  for (const std::string& id :
       {std::string("a"), std::string("7f3c-12:34/56+78=@_."), std::string(128, 'x')}) {
    EXPECT_TRUE(IsRequestId(id)) << id;
  }
  for (const std::string& text :
       {std::string(), std::string(129, 'x'), std::string("a b"), std::string("a\nb"),
        std::string("a\"b"), std::string("\x1b[2J"), std::string("\xc3\xa9")}) {
    EXPECT_FALSE(IsRequestId(text)) << text;
  }
}

TEST(AccessLogTest, ReadsTheIdsOfATraceparent) {
  const TraceIds ids = ParseTraceparent("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
  EXPECT_EQ(ids.trace, "0af7651916cd43dd8448eb211c80319c");
  EXPECT_EQ(ids.span, "b7ad6b7169203331");
  for (const char* text : {"", "00", "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
                           "00-00000000000000000000000000000000-b7ad6b7169203331-01",
                           "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
                           "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                           "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
                           "00-0af7651916cd43dd8448eb211c8031\n9-b7ad6b7169203331-01"}) {
    EXPECT_EQ(ParseTraceparent(text).trace, "") << text;
  }
}

TEST(AccessLogTest, WantsErrorsAlwaysAndAShareOfTheRest) {
  const AccessLog none;
  EXPECT_FALSE(none.Wants(true) || none.Wants(false));
  const AccessLog errors(LoggedCalls::kErrors, 1, LogFormat::kText, nullptr);
  EXPECT_FALSE(errors.Wants(true));
  EXPECT_TRUE(errors.Wants(false));
  const AccessLog all(LoggedCalls::kAll, 1, LogFormat::kText, nullptr);
  const AccessLog nothing(LoggedCalls::kAll, 0, LogFormat::kText, nullptr);
  const AccessLog some(LoggedCalls::kAll, 0.25, LogFormat::kText, nullptr);
  EXPECT_TRUE(nothing.Wants(false));
  int wanted = 0;
  for (int i = 0; i < 10000; ++i) {
    EXPECT_TRUE(all.Wants(true));
    EXPECT_FALSE(nothing.Wants(true));
    wanted += some.Wants(true) ? 1 : 0;
  }
  EXPECT_NEAR(wanted, 2500, 250);  // Six standard deviations.
}

}  // namespace
}  // namespace mdn

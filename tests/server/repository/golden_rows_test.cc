#include "server/repository/golden_rows.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/support/fake_engine.h"

namespace mdn {
namespace {

using ::testing::HasSubstr;

// The fake engine's mixture at x: pi = 1/3, 2/3; mu = x, x + 1; sigma = 1, 1/2.
class GoldenRowsTest : public testing::Test {
 protected:
  std::string Message(const std::string& json) const {
    const absl::Status status = CheckGoldenRows(json, engine_);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << json;
    return std::string(status.message());
  }

  FakeEngine engine_{1, {2, 1, false}};
};

TEST_F(GoldenRowsTest, AcceptsWhatTheEngineAnswers) {
  EXPECT_EQ(CheckGoldenRows(R"({"x": [[3], [5]],
                                "log_pi": [[-1.0986123, -0.4054651], [-1.0986123, -0.4054651]],
                                "mu": [[[3], [4]], [[5], [6]]],
                                "sigma": [[[1], [0.5]], [[1], [0.5]]],
                                "y": [[3], [6]],
                                "log_likelihood": [-1.5849, -0.49007]})",
                            engine_),
            absl::OkStatus());
}

TEST_F(GoldenRowsTest, NamesThePlaceOfAWrongAnswer) {
  EXPECT_EQ(Message(R"({"x": [[3], [5]], "mu": [[[3], [4]], [[5], [6.5]]]})"),
            "mu: row 1, element 1 is 6; expected 6.5");
  EXPECT_THAT(Message(R"({"x": [[3]], "y": [[3]], "log_likelihood": [-1]})"),
              HasSubstr("log_likelihood: row 0, element 0 is -1.5849"));
}

TEST_F(GoldenRowsTest, ToleratesAsMuchAsItSays) {
  EXPECT_TRUE(
      CheckGoldenRows(R"({"x": [[9]], "mu": [[[9.9], [10]]], "tolerance": 0.1})", engine_).ok());
  EXPECT_EQ(Message(R"({"x": [[9]], "mu": [[[9.9], [10]]], "tolerance": 0.01})"),
            "mu: row 0, element 0 is 9; expected 9.9");
}

TEST_F(GoldenRowsTest, ANumberThatIsNotFiniteIsNeverExpected) {
  engine_.BreakRowsThatBeginWith(3);
  EXPECT_THAT(Message(R"({"x": [[3]], "mu": [[[3], [4]]], "tolerance": 1000})"),
              HasSubstr("mu: row 0, element 0 is nan"));
}

TEST_F(GoldenRowsTest, RefusesTextsThatDoNotFit) {
  const std::string lists = ": expected nested lists of finite numbers of the shape ";
  EXPECT_THAT(Message("[]"), HasSubstr("object"));
  EXPECT_EQ(Message("{}"), "x: expected 1 to 4096 rows");
  EXPECT_EQ(Message(R"({"x": []})"), "x: expected 1 to 4096 rows");
  EXPECT_EQ(Message(R"({"x": [[1, 2]], "mu": 0})"), "x" + lists + "[1, 1]");
  EXPECT_EQ(Message(R"({"x": [[1e39]], "mu": 0})"), "x" + lists + "[1, 1]");
  EXPECT_EQ(Message(R"({"x": [[1]], "mu": [[1, 2]]})"), "mu" + lists + "[1, 2, 1]");
  EXPECT_EQ(Message(R"({"x": [[1]], "log_likelihood": [0]})"), "y" + lists + "[1, 1]");
  EXPECT_EQ(Message(R"({"x": [[1]], "y": [[1]]})"),
            "expects nothing; it needs log_pi, mu, sigma or log_likelihood");
  EXPECT_EQ(Message(R"({"x": [[1]], "mean": 1})"),
            "has the unknown key \"mean\"; expected x, y, log_pi, mu, sigma, log_likelihood or "
            "tolerance");
  EXPECT_EQ(Message(R"({"x": [[1]], "tolerance": -1})"),
            "tolerance: got -1; expected a number from 0");
}

TEST_F(GoldenRowsTest, PassesOnThatTheEngineFails) {
  engine_.FailWith(absl::InternalError("broken"));
  EXPECT_EQ(CheckGoldenRows(R"({"x": [[3]], "mu": [[[3], [4]]]})", engine_),
            absl::InternalError("broken"));
}

}  // namespace
}  // namespace mdn

#include "server/security/access.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "tests/support/from_environment.h"
#include "tests/support/temporary_directory.h"

namespace mdn {
namespace {

constexpr char kFleet[] = "0123456789abcdef-fleet";
constexpr char kOperator[] = "0123456789abcdef-operator";
constexpr char kTwoTokens[] = R"({
  // Of the fleet.
  "fleet": {"token": "0123456789abcdef-fleet", "roles": ["call"]},
  "operator": {"token": "0123456789abcdef-operator", "roles": ["call", "administer"]}
})";
constexpr char kUnknown[] =
    "expected the metadata 'authorization: Bearer TOKEN' with a token of this server";

class AccessTest : public testing::Test {
 protected:
  absl::StatusOr<Tokens> Read(const std::string& text) const {
    return Tokens::Read(folder_.Replace("tokens.json", text));
  }
  std::string Refusal(const std::string& text) const {
    const auto tokens = Read(text);
    EXPECT_EQ(tokens.status().code(), absl::StatusCode::kInvalidArgument);
    std::string message(tokens.status().message());
    return message.substr(message.find(": ") + 2);
  }
  Access Of(const std::string& text) const {
    folder_.Replace("tokens.json", text);
    return Access(Load());
  }
  std::shared_ptr<Reloaded<Tokens>> Load() const {
    return Reloaded<Tokens>::Load(
               "tokens", [path = folder_.Path("tokens.json")] { return Tokens::Read(path); })
        .value();
  }

  const TemporaryDirectory folder_;
};

TEST_F(AccessTest, AFileThatIsAPipeIsRefusedWithoutWaitingForAWriter) {
  const std::string pipe = folder_.Path("pipe");
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_EQ(Tokens::Read(pipe).status(),
            absl::InvalidArgumentError(pipe + ": is no regular file, expected a file"));
}

TEST_F(AccessTest, TellsWhenTokensHaveChanged) {
  folder_.Replace("tokens.json", kTwoTokens);
  const std::shared_ptr<Reloaded<Tokens>> tokens = Load();
  const Access access(tokens);
  const uint64_t before = access.revision();
  tokens->Refresh();
  EXPECT_EQ(access.revision(), before);
  folder_.Replace("tokens.json", "not tokens");
  tokens->Refresh();
  tokens->Refresh();
  EXPECT_EQ(access.revision(), before);
  EXPECT_EQ(tokens->refusals(), 1);
  folder_.Replace("tokens.json", R"({"other": {"token": "0123456789abcdef", "roles": ["call"]}})");
  tokens->Refresh();
  EXPECT_NE(access.revision(), before);
  EXPECT_EQ(Access().revision(), Access().revision());
}

TEST_F(AccessTest, WithoutTokensEverybodyMayCallAndNobodyAdminister) {
  EXPECT_TRUE(Access().Check("", Role::kCall).ok());
  EXPECT_EQ(Access().Check("Bearer x", Role::kAdminister).code(),
            absl::StatusCode::kPermissionDenied);
}

TEST_F(AccessTest, ATokenGivesItsRoles) {
  const Access access = Of(kTwoTokens);
  const std::string fleet = std::string("Bearer ") + kFleet;
  const std::string administrator = std::string("bearer ") + kOperator;
  EXPECT_TRUE(access.Check(fleet, Role::kCall).ok());
  EXPECT_TRUE(access.Check(administrator, Role::kCall).ok());
  EXPECT_TRUE(access.Check(administrator, Role::kAdminister).ok());
  const absl::Status denied = access.Check(fleet, Role::kAdminister);
  EXPECT_EQ(denied.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(denied.message(), "the method needs a token that has its role");
}

TEST_F(AccessTest, WhateverElseIsUnauthenticatedInTheSameWords) {
  const Access access = Of(kTwoTokens);
  for (const std::string& authorization :
       {std::string(), std::string("Bearer"), std::string("Bearer "), std::string(kFleet),
        std::string("Basic ") + kFleet, std::string("Bearer ") + kFleet + "x",
        std::string("Bearer  ") + kFleet, std::string("Bearer 0123456789abcdef-flee")}) {
    const absl::Status status = access.Check(authorization, Role::kCall);
    EXPECT_EQ(status.code(), absl::StatusCode::kUnauthenticated) << authorization;
    EXPECT_EQ(status.message(), kUnknown);
  }
}

/// What a check took, in nanoseconds, many times. The slowest tenth was interrupted and is left
/// out.
class Durations {
 public:
  void Add(double duration) { durations_.push_back(duration); }
  void Trim() {
    std::sort(durations_.begin(), durations_.end());
    durations_.resize(durations_.size() * 9 / 10);
  }
  double mean() const {
    double sum = 0;
    for (const double duration : durations_) sum += duration;
    return sum / static_cast<double>(durations_.size());
  }
  double variance_of_mean() const {
    const double mean_of_all = mean();
    double sum = 0;
    for (const double duration : durations_) sum += std::pow(duration - mean_of_all, 2);
    return sum / std::pow(static_cast<double>(durations_.size()), 2);
  }

 private:
  std::vector<double> durations_;
};

// Welch's t between tokens that are wrong in their first and in their last character. 4.5 has a
// probability of 1e-5 where there is no difference.
TEST_F(AccessTest, TimeDoesNotTellHowMuchOfATokenIsRight) {
  const std::string secret(4096, 's');
  const Access access = Of(R"({"a": {"token": ")" + secret + R"(", "roles": ["call"]}})");
  std::string authorization = "Bearer " + secret;
  char* const places[] = {&authorization[7], &authorization.back()};
  Durations durations[2];
  std::mt19937 random(1);
  const int checks = FromEnvironment("TEST_TIMINGS", 5000);
  for (int i = 0; i < 2 * checks; ++i) {
    const size_t which = random() % 2;
    *places[which] = 'x';
    const auto begin = std::chrono::steady_clock::now();
    const absl::Status status = access.Check(authorization, Role::kCall);
    durations[which].Add(
        std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - begin).count());
    *places[which] = 's';
    ASSERT_EQ(status.code(), absl::StatusCode::kUnauthenticated);
  }
  for (Durations& each : durations) each.Trim();
  const double difference = durations[0].mean() - durations[1].mean();
  const double t =
      difference / std::sqrt(durations[0].variance_of_mean() + durations[1].variance_of_mean());
  RecordProperty("difference_ns", std::to_string(difference));
  RecordProperty("t", std::to_string(t));
  EXPECT_LT(std::abs(t), 4.5) << difference << " ns of " << durations[0].mean();
}

TEST_F(AccessTest, SaysWhichEntryIsWrongAndNoToken) {
  EXPECT_EQ(Refusal("[]"), "expected a JSON object of tokens");
  EXPECT_EQ(Refusal(R"({"a": {"token": "0123456789abcdef-secret", )"),
            "expected a JSON object of tokens");
  EXPECT_EQ(Refusal("{}"), "has no token");
  EXPECT_EQ(Refusal(R"({"a": "0123456789abcdef"})"),
            "entry 1 by name: token: expected at least 16 printable ASCII characters");
  EXPECT_EQ(Refusal(R"({"a": {"token": "short", "roles": ["call"]}})"),
            "entry 1 by name: token: expected at least 16 printable ASCII characters");
  EXPECT_EQ(Refusal(R"({"a": {"token": "0123456789abcdef", "roles": ["root"]}})"),
            "entry 1 by name: roles: expected a list of call, administer or both");
  EXPECT_EQ(Refusal(R"({"a": {"token": "0123456789abcdef"}})"),
            "entry 1 by name: roles: expected a list of call, administer or both");
}

TEST_F(AccessTest, TokensChangeWithTheFileAndABrokenOneChangesNothing) {
  folder_.Replace("tokens.json", kTwoTokens);
  const auto tokens = Load();
  const Access access(tokens);
  const std::string fleet = std::string("Bearer ") + kFleet;
  folder_.Replace("tokens.json", "{");
  tokens->Refresh();
  EXPECT_TRUE(access.Check(fleet, Role::kCall).ok());
  folder_.Replace("tokens.json",
                  R"({"next": {"token": "0123456789abcdef-next", "roles": ["call"]}})");
  tokens->Refresh();
  EXPECT_EQ(access.Check(fleet, Role::kCall).code(), absl::StatusCode::kUnauthenticated);
  EXPECT_TRUE(access.Check("Bearer 0123456789abcdef-next", Role::kCall).ok());
}

}  // namespace
}  // namespace mdn

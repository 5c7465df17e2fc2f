#include "server/repository/version_policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace mdn {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

VersionPolicy Parse(const std::string& json) {
  const auto policy = ParseVersionPolicy(json);
  EXPECT_TRUE(policy.ok()) << policy.status();
  return policy.value_or(VersionPolicy());
}

TEST(VersionPolicyTest, ServesTheNewestOneUnlessTold) {
  const VersionPolicy policy = Parse("{}");
  EXPECT_EQ(policy.kind, VersionPolicy::Kind::kNewest);
  EXPECT_EQ(policy.newest, 1);
  EXPECT_FALSE(policy.serves_nothing());
}

TEST(VersionPolicyTest, ReadsEveryKindAndLabels) {
  EXPECT_EQ(Parse(R"({"newest": 3})").newest, 3);
  EXPECT_EQ(Parse(R"({"versions": "all"})").kind, VersionPolicy::Kind::kAll);
  const VersionPolicy policy =
      Parse(R"({"versions": [5, 3], "labels": {"stable": 3, "canary": 9223372036854775807}})");
  EXPECT_EQ(policy.kind, VersionPolicy::Kind::kNamed);
  EXPECT_THAT(policy.named, ElementsAre(3, 5));
  EXPECT_THAT(policy.labels, ElementsAre(Pair("canary", INT64_MAX), Pair("stable", 3)));
}

TEST(VersionPolicyTest, AnEmptyListServesNothing) {
  EXPECT_TRUE(Parse(R"({"versions": []})").serves_nothing());
  EXPECT_FALSE(Parse(R"({"versions": [], "labels": {"stable": 1}})").serves_nothing());
}

struct BadPolicy {
  std::string json;
  std::string message;
};

class BadPolicyTest : public testing::TestWithParam<BadPolicy> {};

TEST_P(BadPolicyTest, IsRefusedWithItsReason) {
  const absl::Status status = ParseVersionPolicy(GetParam().json).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr(GetParam().message));
}

INSTANTIATE_TEST_SUITE_P(
    Policies, BadPolicyTest,
    testing::Values(
        BadPolicy{"", "JSON"}, BadPolicy{"[]", "object"},
        BadPolicy{R"({"newest": 0})", "newest: got 0; expected a number from 1 to 256"},
        BadPolicy{R"({"newest": 257})", "newest: got 257; expected a number from 1 to 256"},
        BadPolicy{R"({"newest": "2"})", "newest: got \"2\"; expected a number from 1 to 256"},
        BadPolicy{R"({"versions": "some"})", "versions: got \"some\"; expected \"all\", or a list"},
        BadPolicy{R"({"versions": [1, 0]})",
                  "versions: got array of 2; expected \"all\", or a list"},
        BadPolicy{R"({"versions": [9223372036854775808]})", "expected \"all\", or a list"},
        BadPolicy{R"({"versions": [-1]})", "expected \"all\", or a list"},
        BadPolicy{R"({"versions": [1.5]})", "expected \"all\", or a list"},
        BadPolicy{R"({"newest": 1, "versions": [1]})", "has both newest and versions"},
        BadPolicy{R"({"labels": ["stable"]})", "labels: got array of 1; expected an object"},
        BadPolicy{R"({"labels": {"stable": "3"}})", "labels.stable: got \"3\"; expected a version"},
        BadPolicy{R"({"labels": {"a b": 3}})", "labels: cannot use the label a b; expected"},
        BadPolicy{R"({"version": [1]})", "has the unknown key version; expected newest"}));

}  // namespace
}  // namespace mdn

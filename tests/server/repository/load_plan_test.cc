#include "server/repository/load_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace mdn {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

/// A model whose files, loads and clock the test makes up.
class LoadPlanTest : public testing::Test {
 protected:
  static VersionPolicy Newest(int64_t count) {
    return {VersionPolicy::Kind::kNewest, count, {}, {}};
  }
  static VersionPolicy Named(std::set<int64_t> versions) {
    return {VersionPolicy::Kind::kNamed, 1, std::move(versions), {}};
  }

  /// The files that a look finds from now on, by version.
  void See(std::map<int64_t, std::string> versions) {
    listing_.versions = std::move(versions);
    Observe(&listing_, now_, timing_, model_);
  }
  void SetPolicy(absl::StatusOr<VersionPolicy> policy) {
    listing_.policy = std::move(policy);
    listing_.has_policy_file = true;
    Observe(&listing_, now_, timing_, model_);
  }
  LoadPlan Now() const { return Plan(model_, now_, timing_); }
  std::vector<int64_t> Loads() const { return Now().load; }
  std::vector<int64_t> Unloads() const { return Now().unload; }

  void Succeed(int64_t version) {
    VersionRecord& record = model_.versions.at(version);
    record.loaded = record.seen;
    record.refused.clear();
    record.refusals = 0;
    model_.labels = Now().labels;
  }
  void Refuse(int64_t version) {
    VersionRecord& record = model_.versions.at(version);
    record.refused = record.seen;
    record.reason = "bad";
    record.refused_at = now_;
    ++record.refusals;
  }
  void Unload(int64_t version) { model_.versions.at(version).loaded.clear(); }
  /// Loads whatever is to be loaded, unloads whatever is to be unloaded.
  void Agree() {
    while (!Loads().empty()) Succeed(Loads().front());
    for (const int64_t version : Unloads()) Unload(version);
    model_.labels = Now().labels;
  }

  std::optional<VersionStatus> StatusOf(int64_t version) const {
    for (const VersionStatus& status : Describe("wind", model_)) {
      if (status.version == version) return status;
    }
    return std::nullopt;
  }

  LoadTiming timing_;
  SteadyTime now_{seconds(1000)};
  ModelListing listing_;
  ModelRecord model_;
};

TEST_F(LoadPlanTest, LoadsTheNewestVersionOnly) {
  See({{1, "a"}, {2, "b"}, {10, "c"}});
  EXPECT_THAT(Loads(), ElementsAre(10));
  Succeed(10);
  EXPECT_THAT(Loads(), IsEmpty());
  EXPECT_THAT(Unloads(), IsEmpty());
}

TEST_F(LoadPlanTest, LoadsWhatThePolicyChooses) {
  See({{1, "a"}, {2, "b"}, {3, "c"}});
  SetPolicy(Newest(2));
  EXPECT_THAT(Loads(), ElementsAre(3, 2));
  SetPolicy(VersionPolicy{VersionPolicy::Kind::kAll, 1, {}, {}});
  EXPECT_THAT(Loads(), ElementsAre(3, 2, 1));
  SetPolicy(Named({1, 3}));
  EXPECT_THAT(Loads(), ElementsAre(3, 1));
  SetPolicy(VersionPolicy{VersionPolicy::Kind::kNewest, 1, {}, {{"stable", 1}}});
  EXPECT_THAT(Loads(), ElementsAre(3, 1));
  SetPolicy(Named({}));
  EXPECT_THAT(Loads(), IsEmpty());
}

TEST_F(LoadPlanTest, APolicyThatIsGoneForAMomentCounts) {
  timing_.settle = seconds(1);
  SetPolicy(Named({1, 2}));
  See({{1, "a"}, {2, "b"}, {3, "c"}});
  now_ += seconds(1);
  Agree();
  const auto take_policy_away = [this] {
    listing_.policy = VersionPolicy();
    listing_.has_policy_file = false;
    See(listing_.versions);
  };
  take_policy_away();
  now_ += milliseconds(999);
  take_policy_away();
  EXPECT_THAT(Loads(), IsEmpty());
  EXPECT_THAT(Unloads(), IsEmpty());
  EXPECT_EQ(Now().next_look, now_ + milliseconds(1));
  SetPolicy(Named({1, 2}));
  EXPECT_EQ(Now().next_look, SteadyTime::max());

  take_policy_away();
  now_ += seconds(1);
  take_policy_away();
  EXPECT_THAT(Loads(), ElementsAre(3));
}

TEST_F(LoadPlanTest, APolicyThatComesBackBadOrWithItsModelGoneIsWaitedForNoMore) {
  timing_.settle = seconds(1);
  for (const bool is_bad : {true, false}) {
    SetPolicy(Named({1}));
    See({{1, "a"}});
    now_ += seconds(1);
    Agree();
    listing_.policy = VersionPolicy();
    listing_.has_policy_file = false;
    See(listing_.versions);
    EXPECT_NE(Now().next_look, SteadyTime::max());
    if (is_bad) {
      SetPolicy(absl::InvalidArgumentError("bad"));
    } else {
      Observe(nullptr, now_, timing_, model_);
    }
    EXPECT_EQ(Now().next_look, SteadyTime::max());
    EXPECT_THAT(Unloads(), IsEmpty());
  }
}

TEST_F(LoadPlanTest, WithoutThePolicyALookTellsNothingOfVersionsThatItLeavesOut) {
  timing_.settle = seconds(1);
  SetPolicy(VersionPolicy{VersionPolicy::Kind::kAll, 1, {}, {}});
  See({{1, "a"}, {2, "b"}});
  now_ += seconds(1);
  Agree();
  listing_.policy = VersionPolicy();
  listing_.has_policy_file = false;
  See({{2, "b"}});
  EXPECT_THAT(Unloads(), IsEmpty());
  SetPolicy(absl::InvalidArgumentError("bad"));
  EXPECT_THAT(Unloads(), IsEmpty());
  SetPolicy(VersionPolicy{VersionPolicy::Kind::kAll, 1, {}, {}});
  EXPECT_THAT(Unloads(), ElementsAre(1));
}

TEST_F(LoadPlanTest, WhoAsksAgainNeedNotWaitForAPolicyThatIsGone) {
  timing_.settle = seconds(1);
  SetPolicy(Named({1}));
  See({{1, "a"}, {2, "b"}});
  listing_.policy = VersionPolicy();
  listing_.has_policy_file = false;
  See(listing_.versions);
  TryAgain(model_);
  See(listing_.versions);
  EXPECT_THAT(Loads(), ElementsAre(2));
}

TEST_F(LoadPlanTest, UnloadsTheOldVersionOnlyWhenTheNewOneIsReady) {
  See({{1, "a"}});
  Succeed(1);
  See({{1, "a"}, {2, "b"}});
  EXPECT_THAT(Loads(), ElementsAre(2));
  EXPECT_THAT(Unloads(), IsEmpty());
  Succeed(2);
  EXPECT_THAT(Unloads(), ElementsAre(1));
}

TEST_F(LoadPlanTest, ARefusedVersionStopsNoOther) {
  See({{1, "a"}});
  Succeed(1);
  See({{1, "a"}, {2, "b"}});
  Refuse(2);
  EXPECT_THAT(Loads(), IsEmpty());
  EXPECT_THAT(Unloads(), IsEmpty());
  EXPECT_EQ(StatusOf(1)->state, ModelState::kReady);
  EXPECT_EQ(StatusOf(2)->state, ModelState::kFailed);
  EXPECT_EQ(StatusOf(2)->reason, "bad");
}

TEST_F(LoadPlanTest, AfterARestartTheNewestGoodVersionStandsInForABadOne) {
  See({{1, "a"}, {2, "b"}, {3, "c"}});
  Refuse(3);
  EXPECT_THAT(Loads(), ElementsAre(2));
  Refuse(2);
  EXPECT_THAT(Loads(), ElementsAre(1));
}

TEST_F(LoadPlanTest, RefusedFilesAreTriedAgainOnlyWhenTheyHaveChangedAndAfterAWait) {
  See({{1, "a"}});
  Refuse(1);
  now_ += seconds(3600);
  EXPECT_THAT(Loads(), IsEmpty());
  EXPECT_EQ(Now().next_look, SteadyTime::max());
  See({{1, "b"}});
  EXPECT_THAT(Loads(), ElementsAre(1));
  Refuse(1);
  See({{1, "c"}});
  EXPECT_THAT(Loads(), IsEmpty());
  EXPECT_EQ(Now().next_look, now_ + seconds(2));
  now_ += seconds(2);
  EXPECT_THAT(Loads(), ElementsAre(1));
}

TEST_F(LoadPlanTest, TheWaitDoublesUpToItsLimit) {
  See({{1, "a"}});
  for (const int seconds_to_wait : {1, 2, 4, 8, 16, 32, 60, 60}) {
    const seconds wait(seconds_to_wait);
    Refuse(1);
    See({{1, model_.versions.at(1).seen + "x"}});
    EXPECT_EQ(Now().next_look, now_ + wait);
    now_ += wait;
    EXPECT_THAT(Loads(), ElementsAre(1));
  }
}

TEST_F(LoadPlanTest, BeingToldTriesAgainAtOnce) {
  See({{1, "a"}});
  Refuse(1);
  TryAgain(model_);
  EXPECT_THAT(Loads(), ElementsAre(1));
}

TEST_F(LoadPlanTest, FilesMustHaveSettled) {
  timing_.settle = milliseconds(500);
  See({{1, "a"}});
  EXPECT_THAT(Loads(), IsEmpty());
  EXPECT_EQ(Now().next_look, now_ + milliseconds(500));
  EXPECT_EQ(StatusOf(1)->state, ModelState::kLoading);
  now_ += milliseconds(400);
  See({{1, "ab"}});
  now_ += milliseconds(400);
  EXPECT_THAT(Loads(), IsEmpty());
  now_ += milliseconds(100);
  EXPECT_THAT(Loads(), ElementsAre(1));
}

TEST_F(LoadPlanTest, NothingIsUnloadedWhileTheNewVersionSettles) {
  See({{1, "a"}});
  Succeed(1);
  timing_.settle = milliseconds(500);
  See({{2, "b"}});
  EXPECT_THAT(Loads(), IsEmpty());
  EXPECT_THAT(Unloads(), IsEmpty());
}

TEST_F(LoadPlanTest, TheLastVersionOutlivesItsFiles) {
  See({{1, "a"}, {2, "b"}});
  Succeed(2);
  See({});
  EXPECT_THAT(Unloads(), IsEmpty());
  EXPECT_EQ(StatusOf(2)->state, ModelState::kReady);
  EXPECT_EQ(StatusOf(2)->reason, "its files are gone; it is served from memory");
  EXPECT_FALSE(StatusOf(1).has_value());
  Observe(nullptr, now_, timing_, model_);  // The model's directory goes as well.
  EXPECT_THAT(Unloads(), IsEmpty());
}

TEST_F(LoadPlanTest, RemovingTheNewestVersionGoesBackToTheOneBefore) {
  See({{1, "a"}, {2, "b"}});
  Succeed(2);
  See({{1, "a"}});
  EXPECT_THAT(Loads(), ElementsAre(1));
  EXPECT_THAT(Unloads(), IsEmpty());
  Succeed(1);
  EXPECT_THAT(Unloads(), ElementsAre(2));
}

TEST_F(LoadPlanTest, AVersionThatIsOverwrittenIsLoadedAgainBesideItself) {
  See({{1, "a"}});
  Succeed(1);
  See({{1, "b"}});
  EXPECT_THAT(Loads(), ElementsAre(1));
  EXPECT_EQ(StatusOf(1)->state, ModelState::kReady);
  Refuse(1);
  EXPECT_THAT(Loads(), IsEmpty());
  EXPECT_THAT(Unloads(), IsEmpty());
  EXPECT_EQ(StatusOf(1)->state, ModelState::kReady);
  EXPECT_EQ(StatusOf(1)->reason, "its files have changed and were refused: bad");
}

TEST_F(LoadPlanTest, ALabelStaysWithItsOldVersionUntilTheNewOneIsReady) {
  See({{1, "a"}, {2, "b"}});
  SetPolicy(VersionPolicy{VersionPolicy::Kind::kNamed, 1, {}, {{"stable", 1}}});
  Agree();
  EXPECT_THAT(model_.labels, ElementsAre(Pair("stable", 1)));
  SetPolicy(VersionPolicy{VersionPolicy::Kind::kNamed, 1, {}, {{"stable", 2}}});
  EXPECT_THAT(Now().labels, ElementsAre(Pair("stable", 1)));
  EXPECT_THAT(Loads(), ElementsAre(2));
  Refuse(2);
  EXPECT_THAT(Now().labels, ElementsAre(Pair("stable", 1)));
  EXPECT_THAT(Unloads(), IsEmpty());
  See({{1, "a"}, {2, "c"}});
  now_ += seconds(1);
  Succeed(2);
  EXPECT_THAT(Now().labels, ElementsAre(Pair("stable", 2)));
  EXPECT_THAT(Unloads(), ElementsAre(1));
  EXPECT_THAT(StatusOf(2)->labels, ElementsAre("stable"));
}

TEST_F(LoadPlanTest, ALabelOfAVersionThatIsNotThereNamesNothing) {
  See({{1, "a"}});
  SetPolicy(VersionPolicy{VersionPolicy::Kind::kNewest, 1, {}, {{"canary", 9}}});
  Agree();
  EXPECT_THAT(model_.labels, IsEmpty());
  EXPECT_EQ(StatusOf(9)->state, ModelState::kFailed);
  EXPECT_EQ(StatusOf(9)->reason, "the repository does not hold it");
}

TEST_F(LoadPlanTest, OnlyAPolicyOrNobodyAskingUnloadsTheLastVersion) {
  See({{1, "a"}});
  Succeed(1);
  SetPolicy(Named({5}));
  EXPECT_THAT(Unloads(), IsEmpty());
  SetPolicy(Named({}));
  EXPECT_THAT(Unloads(), ElementsAre(1));
  SetPolicy(Newest(1));
  model_.is_asked_for = false;
  EXPECT_THAT(Unloads(), ElementsAre(1));
  EXPECT_THAT(Loads(), IsEmpty());
}

TEST_F(LoadPlanTest, NobodyAskingLoadsNothing) {
  model_.is_asked_for = false;
  See({{1, "a"}});
  EXPECT_THAT(Loads(), IsEmpty());
  EXPECT_EQ(StatusOf(1)->state, ModelState::kAvailable);
}

TEST_F(LoadPlanTest, ABadPolicyLeavesTheOneBeforeInForce) {
  See({{1, "a"}, {2, "b"}});
  SetPolicy(Newest(2));
  Agree();
  SetPolicy(absl::InvalidArgumentError("no policy"));
  EXPECT_THAT(Unloads(), IsEmpty());
  EXPECT_EQ(StatusOf(0)->reason, "no policy");
  EXPECT_EQ(StatusOf(1)->state, ModelState::kReady);
}

TEST_F(LoadPlanTest, WithABadPolicyFromTheStartNothingIsServed) {
  listing_.policy = absl::InvalidArgumentError("no policy");
  See({{1, "a"}});
  EXPECT_THAT(Loads(), IsEmpty());
  EXPECT_FALSE(ServesWhatWasAsked(model_));
}

TEST_F(LoadPlanTest, VersionsThatThePolicyLeavesOutAreAvailable) {
  See({{1, "a"}, {2, "b"}});
  Agree();
  EXPECT_EQ(StatusOf(1)->state, ModelState::kAvailable);
  EXPECT_EQ(StatusOf(2)->state, ModelState::kReady);
}

TEST_F(LoadPlanTest, AModelWithoutVersionsSaysSo) {
  See({});
  EXPECT_EQ(StatusOf(0)->state, ModelState::kFailed);
  EXPECT_EQ(StatusOf(0)->reason, "has no versions");
}

TEST_F(LoadPlanTest, WhatWasAskedIsServedWhenEachNamedVersionIs) {
  See({{1, "a"}, {2, "b"}});
  SetPolicy(Named({1, 2}));
  EXPECT_FALSE(ServesWhatWasAsked(model_));
  Succeed(2);
  EXPECT_FALSE(ServesWhatWasAsked(model_));
  Succeed(1);
  EXPECT_TRUE(ServesWhatWasAsked(model_));
  See({{1, "x"}, {2, "b"}});
  Refuse(1);  // It is served as it was.
  EXPECT_TRUE(ServesWhatWasAsked(model_));
  SetPolicy(Named({}));
  EXPECT_TRUE(ServesWhatWasAsked(model_));
}

}  // namespace
}  // namespace mdn

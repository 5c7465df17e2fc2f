#include "server/rpc/health_service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace mdn {
namespace {

using grpc::health::v1::HealthCheckResponse;
using ::testing::ElementsAre;

class RecordingWatcher final : public HealthService::Watcher {
 public:
  void Changed(HealthService::ServingStatus status) override { seen.push_back(status); }
  void End() override { ended = true; }
  std::vector<HealthService::ServingStatus> seen;
  bool ended = false;
};

TEST(HealthServiceTest, KnowsWhatWasSet) {
  HealthService health;
  health.SetServing({{"", true}, {"wind", false}});
  EXPECT_EQ(health.Status(""), HealthCheckResponse::SERVING);
  EXPECT_EQ(health.Status("wind"), HealthCheckResponse::NOT_SERVING);
  EXPECT_EQ(health.Status("rain"), HealthCheckResponse::SERVICE_UNKNOWN);
}

TEST(HealthServiceTest, TellsWatchersThePresentAndEveryChange) {
  HealthService health;
  RecordingWatcher watcher;
  health.Subscribe("wind", watcher);
  health.SetServing({{"wind", true}});
  health.SetServing({{"wind", true}, {"rain", true}});
  health.SetServing({{"wind", false}, {"rain", true}});
  health.SetServing({{"rain", false}});
  EXPECT_THAT(watcher.seen,
              ElementsAre(HealthCheckResponse::SERVICE_UNKNOWN, HealthCheckResponse::SERVING,
                          HealthCheckResponse::NOT_SERVING, HealthCheckResponse::SERVICE_UNKNOWN));
  health.Unsubscribe(watcher);
  health.SetServing({{"wind", true}});
  EXPECT_EQ(watcher.seen.size(), 4u);
}

TEST(HealthServiceTest, WhatHasStoppedServingCanStillBeWatched) {
  HealthService health;
  RecordingWatcher before, after;
  health.SetServing({{"", true}});
  health.Subscribe("", before);
  health.StopServing();
  health.SetServing({{"", true}});
  health.Subscribe("", after);
  EXPECT_THAT(before.seen,
              ElementsAre(HealthCheckResponse::SERVING, HealthCheckResponse::NOT_SERVING));
  EXPECT_THAT(after.seen, ElementsAre(HealthCheckResponse::NOT_SERVING));
  EXPECT_FALSE(before.ended);
  health.Drain();
  EXPECT_EQ(before.seen.size(), 2u);
  EXPECT_TRUE(before.ended);
  EXPECT_TRUE(after.ended);
}

TEST(HealthServiceTest, DrainingIsFinalAndEndsWatches) {
  HealthService health;
  RecordingWatcher before, after;
  health.SetServing({{"", true}});
  health.Subscribe("", before);
  health.Drain();
  health.SetServing({{"", true}});
  health.Subscribe("", after);
  EXPECT_EQ(health.Status(""), HealthCheckResponse::NOT_SERVING);
  EXPECT_THAT(before.seen,
              ElementsAre(HealthCheckResponse::SERVING, HealthCheckResponse::NOT_SERVING));
  EXPECT_TRUE(before.ended);
  EXPECT_THAT(after.seen, ElementsAre(HealthCheckResponse::NOT_SERVING));
  EXPECT_TRUE(after.ended);
}

}  // namespace
}  // namespace mdn

#include "server/rpc/gathered_tasks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <future>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "tests/server/batching/recording_task.h"
#include "tests/support/await.h"
#include "tests/support/fake_engine.h"

namespace mdn {
namespace {

using ::testing::ElementsAre;

/// A model whose rows take as long as is said, by its batcher's clock.
class GatheredTasksTest : public ::testing::Test {
 protected:
  void ServeRowsThatTake(std::chrono::microseconds time,
                         int64_t max_batch_rows = Batcher::Options().max_batch_rows) {
    auto engine = std::make_unique<FakeEngine>();
    engine_ = engine.get();
    Batcher::Options batching;
    batching.max_batch_rows = max_batch_rows;
    batching.now = [this] { return AtMicrosecond(now_); };
    model_ = std::make_shared<ServedModel>(ModelDescription(), std::move(engine), batching);
    tasks_.set_place(place_);
    row_time_ = time.count();
    Add(1);
    tasks_.Finish();
    tasks_.Rest();
  }

  void Add(int count) {
    for (int i = 0; i < count; ++i) {
      added_.push_back(std::make_unique<RecordingTask>(static_cast<float>(added_.size())));
      added_.back()->on_consume = [this] { now_ += row_time_; };
      tasks_.Add(model_, *added_.back(), AtMicrosecond(now_));
    }
  }

  /// How many tasks are added until there are enough; -1 beyond 1000.
  int64_t AddUntilFull() {
    for (int64_t count = 1; count <= 1000; ++count) {
      Add(1);
      if (tasks_.full()) return count;
    }
    return -1;
  }

  PollingPlaces places_{1, std::chrono::hours(1)};
  PollingPlace place_{places_};
  FakeEngine* engine_ = nullptr;
  std::vector<std::unique_ptr<RecordingTask>> added_;
  std::shared_ptr<ServedModel> model_;
  GatheredTasks tasks_;
  int64_t now_ = 0;
  int64_t row_time_ = 0;
};

TEST_F(GatheredTasksTest, QuickTasksWaitForMoreOfThemTheLongerTheServerIsBusy) {
  ServeRowsThatTake(std::chrono::microseconds(1));
  for (const int64_t expected : {4, 8, 16, 32, 64, 64, 64}) {
    EXPECT_EQ(AddUntilFull(), expected);
    EXPECT_TRUE(tasks_.Finish());
    EXPECT_FALSE(tasks_.full());
  }
  EXPECT_THAT(engine_->batch_sizes(), ElementsAre(1, 4, 8, 16, 32, 64, 64, 64));
}

TEST_F(GatheredTasksTest, AfterARestQuickTasksWaitForFewAgain) {
  ServeRowsThatTake(std::chrono::microseconds(1));
  EXPECT_EQ(AddUntilFull(), 4);
  tasks_.Finish();
  tasks_.Rest();
  EXPECT_EQ(AddUntilFull(), 4);
  tasks_.Finish();
}

TEST_F(GatheredTasksTest, TasksThatAreNotQuickWaitForManyAtOnce) {
  ServeRowsThatTake(std::chrono::microseconds(3));
  EXPECT_EQ(AddUntilFull(), 64);
  tasks_.Finish();
}

TEST_F(GatheredTasksTest, NobodyWaitsForMoreThanAFullBatch) {
  ServeRowsThatTake(std::chrono::microseconds(3), /*max_batch_rows=*/48);
  EXPECT_EQ(AddUntilFull(), 48);
  tasks_.Finish();
}

TEST_F(GatheredTasksTest, MuchWorkIsWorthAnotherLookForMoreUnlessItIsLong) {
  ServeRowsThatTake(std::chrono::microseconds(10));
  EXPECT_EQ(tasks_.looks(), 1);
  Add(2);
  EXPECT_EQ(tasks_.looks(), 1);
  Add(1);
  EXPECT_EQ(tasks_.looks(), 2);
  Add(97);
  EXPECT_EQ(tasks_.looks(), 2);
  Add(1);
  EXPECT_EQ(tasks_.looks(), 1);
  tasks_.Finish();
  EXPECT_EQ(tasks_.looks(), 1);
}

TEST_F(GatheredTasksTest, WhatIsGatheredIsEvaluatedWhenThereIsNoMore) {
  ServeRowsThatTake(std::chrono::microseconds(1));
  Add(3);
  EXPECT_FALSE(tasks_.full());
  EXPECT_TRUE(tasks_.small());
  EXPECT_TRUE(tasks_.Finish());
  EXPECT_FALSE(tasks_.Finish());
  for (const auto& task : added_) EXPECT_TRUE(task->succeeded());
}

TEST_F(GatheredTasksTest, AThreadThatWaitsForItsPlaceKeepsNoModel) {
  auto model = std::make_shared<ServedModel>(ModelDescription(), std::make_unique<FakeEngine>(),
                                             Batcher::Options());
  const std::weak_ptr<ServedModel> kept = model;
  tasks_.set_place(place_);
  RecordingTask task(0);
  std::promise<void> taken;
  std::thread other;
  // Nobody knows how long the first evaluation takes, so it leaves the place to the other thread.
  task.on_consume = [&] {
    other = std::thread([&] {
      const PollingPlace place(places_);
      taken.set_value();
      EXPECT_TRUE(Await([&] { return kept.expired(); }));
    });
    taken.get_future().wait();
  };
  tasks_.Add(std::exchange(model, nullptr), task, AtMicrosecond(0));
  EXPECT_TRUE(tasks_.Finish());
  other.join();
}

}  // namespace
}  // namespace mdn

#include "server/rpc/poller.h"

#include <gmock/gmock.h>
#include <grpc/support/time.h>
#include <grpcpp/alarm.h>
#include <grpcpp/completion_queue.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace mdn {
namespace {

using ::testing::ElementsAre;

/// Events that come as soon as they are posted, and what became of them.
class PollerTest : public ::testing::Test, protected Gathered {
 protected:
  class Event final : public CompletionEvent {
   public:
    Event(PollerTest& test, std::string name) : test_(test), name_(std::move(name)) {}
    void Post() { alarm_.Set(&test_.queue_, gpr_inf_past(GPR_CLOCK_MONOTONIC), this); }
    void Complete(bool /*ok*/) override {
      test_.log_.push_back(name_);
      test_.has_work_ = true;
    }

   private:
    PollerTest& test_;
    const std::string name_;
    grpc::Alarm alarm_;
  };

  bool full() const override { return false; }
  bool small() const override { return false; }
  int looks() const override {
    at_idle_look_();
    return looks_;
  }
  bool Finish() override {
    if (!has_work_) return false;
    has_work_ = false;
    log_.emplace_back("finish");
    return true;
  }
  void Rest() override { queue_.Shutdown(); }

  grpc::CompletionQueue queue_;
  Event first_{*this, "first"}, second_{*this, "second"};
  int looks_ = 1;
  std::function<void()> at_idle_look_ = [] {};
  bool has_work_ = false;
  std::vector<std::string> log_;
};

TEST_F(PollerTest, EventsThatAreThereAreFinishedTogether) {
  first_.Post();
  second_.Post();
  CompleteEvents(queue_, *this);
  EXPECT_THAT(log_, ElementsAre("first", "second", "finish"));
}

TEST_F(PollerTest, WhatComesBetweenTwoLooksIsFinishedWithTheRest) {
  looks_ = 2;
  int idle_looks = 0;
  at_idle_look_ = [&] {
    if (++idle_looks == 1) second_.Post();
  };
  first_.Post();
  CompleteEvents(queue_, *this);
  EXPECT_THAT(log_, ElementsAre("first", "second", "finish"));
}

TEST_F(PollerTest, OneLookThatFindsNothingIsEnoughIfNoMoreAreAskedFor) {
  int idle_looks = 0;
  at_idle_look_ = [&] {
    if (++idle_looks == 1) second_.Post();
  };
  first_.Post();
  CompleteEvents(queue_, *this);
  EXPECT_THAT(log_, ElementsAre("first", "finish", "second", "finish"));
}

}  // namespace
}  // namespace mdn

#include "tests/server/batching/batch_queue_model.h"

#include <algorithm>
#include <array>
#include <deque>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "server/batching/batch_queue.h"
#include "tests/server/batching/recording_task.h"

namespace mdn {
namespace {

constexpr int64_t kMaxQueueRows = 10;
constexpr int64_t kLargeRows = 7;  // Two of these do not fit.
const SteadyTime kNearDeadline = SteadyTime() + std::chrono::hours(1'000'000);

enum Event {
  kArriveSmall,  // one row
  kArriveLarge,  // three turns or four
  kArriveBrief,  // two rows and the near deadline
  kPassNearDeadline,
  kCancelOldest,  // of the tasks that are not done
  kCancelNewest,
  kTake,
  kReturnOldest,  // of the batches that are out
  kFailNewest,    // its first slice fails
  kEvents
};

class NumberedTask : public Task {
 public:
  NumberedTask(int number, int64_t rows, SteadyTime deadline, Effects& effects)
      : Task({}, rows, deadline), number_(number), effects_(effects) {}
  void Consume(const Mixture&, int64_t, int64_t, int64_t) override {}
  void Done(absl::Status status) override {
    effects_.push_back(DoneEffect(number_, status.code()));
  }
  int number() const { return number_; }

 private:
  const int number_;
  Effects& effects_;
};

struct Sizes {
  int64_t max_batch_rows;
  int64_t max_turn_rows;
};

/// A queue and its model, which get the same events. Events that cannot happen do nothing.
class QueueAndModel {
 public:
  explicit QueueAndModel(const Sizes& sizes)
      : queue_({sizes.max_batch_rows, kMaxQueueRows, std::chrono::microseconds(0),
                sizes.max_turn_rows}),
        model_(sizes.max_batch_rows, sizes.max_turn_rows, kMaxQueueRows) {
    LearnASlowPace();
  }

  void Step(Event event) {
    switch (event) {
      case kArriveSmall:
        return Arrive(1, false);
      case kArriveLarge:
        return Arrive(kLargeRows, false);
      case kArriveBrief:
        return Arrive(2, true);
      case kPassNearDeadline:
        model_.PassNearDeadline();
        now_ = kNearDeadline;
        return;
      case kCancelOldest:
      case kCancelNewest:
        return Cancel(event == kCancelOldest);
      case kTake:
        return Take();
      case kReturnOldest:
        return Return(0, false);
      case kFailNewest:
        return Return(out_.size() - 1, true);
      case kEvents:
        return;
    }
  }

  void Drain() {
    while (!out_.empty() || !queue_.empty()) {
      Take();
      Return(0, false);
    }
  }

  /// Empty if queue and model have agreed so far.
  const std::string& difference() const { return difference_; }
  bool everything_is_done() const {
    return model_.LiveTasks().empty() && queue_.stats().done == queue_.stats().submitted &&
           queue_.stats().submitted == kTasksBefore + static_cast<int64_t>(tasks_.size());
  }

 private:
  static constexpr int kTasksBefore = 1;

  /// So slow that turns stay as short as they may be, though the batches that follow take no time.
  void LearnASlowPace() {
    NumberedTask task(0, 1, SteadyTime::max(), effects_);
    Batch batch;
    BatchQueue::Complete(queue_.Push(task, now_));
    BatchQueue::Complete(queue_.Take(now_, batch));
    BatchQueue::Complete(queue_.Return(now_ + std::chrono::hours(1000), batch));
    effects_.clear();
  }

  void Arrive(int64_t rows, bool brief) {
    tasks_.push_back(std::make_unique<NumberedTask>(
        tasks_.size(), rows, brief ? kNearDeadline : SteadyTime::max(), effects_));
    BatchQueue::Complete(queue_.Push(*tasks_.back(), now_));
    Compare(model_.Arrive(rows, brief));
  }

  void Cancel(bool oldest) {
    const std::vector<int> live = model_.LiveTasks();
    if (live.empty()) return;
    const int task = oldest ? live.front() : live.back();
    BatchQueue::Complete(queue_.Cancel(*tasks_[task], absl::CancelledError("")));
    Compare(model_.Cancel(task));
  }

  void Take() {
    Batch batch;
    BatchQueue::Complete(queue_.Take(now_, batch));
    std::sort(effects_.begin(), effects_.end());
    for (const Slice& slice : batch.slices) {
      const int task = static_cast<const NumberedTask*>(slice.task)->number();
      for (int64_t row = 0; row < slice.rows; ++row) {
        effects_.push_back(TakenEffect(task, slice.first_row + row));
      }
    }
    if (batch.rows > 0) out_.push_back(std::move(batch));
    Compare(model_.Take());
  }

  void Return(size_t index, bool fail) {
    if (out_.empty()) return;
    Batch batch = std::move(out_[index]);
    out_.erase(out_.begin() + static_cast<int64_t>(index));
    if (fail) batch.slices.front().outcome = absl::InternalError("");
    BatchQueue::Complete(queue_.Return(now_, batch));
    std::sort(effects_.begin(), effects_.end());
    Compare(model_.Return(index, fail));
  }

  void Compare(const Effects& expected) {
    if (difference_.empty() && (effects_ != expected || out_.size() != model_.batches_out() ||
                                queue_.waiting_rows() != model_.waiting_rows())) {
      difference_ = "got " + ::testing::PrintToString(effects_) + ", " +
                    std::to_string(queue_.waiting_rows()) + " rows wait; expected " +
                    ::testing::PrintToString(expected) + ", " +
                    std::to_string(model_.waiting_rows());
    }
    effects_.clear();
  }

  BatchQueue queue_;
  BatchQueueModel model_;
  SteadyTime now_ = AtMicrosecond(0);
  Effects effects_;
  std::vector<std::unique_ptr<NumberedTask>> tasks_;
  std::deque<Batch> out_;
  std::string difference_;
};

template <typename Events>
void CheckAgreement(const Sizes& sizes, const Events& events) {
  QueueAndModel world(sizes);
  for (const Event event : events) world.Step(event);
  world.Drain();
  ASSERT_EQ(world.difference(), "") << "events " << ::testing::PrintToString(events);
  ASSERT_TRUE(world.everything_is_done()) << "events " << ::testing::PrintToString(events);
}

class BatchQueueModelTest : public ::testing::TestWithParam<Sizes> {};

INSTANTIATE_TEST_SUITE_P(TurnsOfFullBatchesAndOfLess, BatchQueueModelTest,
                         ::testing::Values(Sizes{3, 3}, Sizes{5, 2}));

TEST_P(BatchQueueModelTest, QueueAgreesWithTheModelOnEveryOrderOfSixEvents) {
  std::array<Event, 6> events{};
  int orders = 1;
  for (size_t i = 0; i < events.size(); ++i) orders *= kEvents;
  for (int order = 0; order < orders; ++order) {
    int rest = order;
    for (Event& event : events) {
      event = static_cast<Event>(rest % kEvents);
      rest /= kEvents;
    }
    if (events[0] >= kCancelOldest) continue;  // It has no effect on an empty queue.
    ASSERT_NO_FATAL_FAILURE(CheckAgreement(GetParam(), events));
  }
}

TEST_P(BatchQueueModelTest, QueueAgreesWithTheModelOnLongRandomOrders) {
  std::mt19937 generator(1);
  std::discrete_distribution<int> next_event({10, 4, 6, 0.2, 1, 1, 8, 6, 1});
  for (int repetition = 0; repetition < 2000; ++repetition) {
    std::vector<Event> events;
    for (int i = 0; i < 200; ++i) events.push_back(static_cast<Event>(next_event(generator)));
    ASSERT_NO_FATAL_FAILURE(CheckAgreement(GetParam(), events));
  }
}

}  // namespace
}  // namespace mdn

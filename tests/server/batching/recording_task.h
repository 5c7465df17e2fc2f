#ifndef MDN_TESTS_SERVER_BATCHING_RECORDING_TASK_H_
#define MDN_TESTS_SERVER_BATCHING_RECORDING_TASK_H_

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "server/batching/batch_queue.h"
#include "server/batching/task.h"

namespace mdn {

/// Holds a task's rows, so that they exist before the Task does.
struct TaskRows {
  TaskRows(float first, int64_t rows) : features(rows) {
    std::iota(features.begin(), features.end(), first);
  }
  std::vector<float> features;
};

/// A task of `rows` rows with one feature each, first, first + 1, …, for a FakeEngine. Remembers
/// what became of it. Thread-safe.
class RecordingTask : private TaskRows, public Task {
 public:
  explicit RecordingTask(float first, int64_t rows = 1, SteadyTime deadline = SteadyTime::max())
      : TaskRows(first, rows), Task(features, rows, deadline), consumed_(rows) {}

  void Consume(const Mixture& mixture, int64_t begin, int64_t first_row, int64_t rows) override {
    if (on_consume) on_consume();
    const std::lock_guard<std::mutex> lock(mutex_);
    for (int64_t row = 0; row < rows; ++row) {
      ++consumed_[first_row + row];
      const MixtureRow answer = mixture.Row(begin + row);
      if (answer.mu[0] != x()[first_row + row]) ++foreign_answers_;
    }
  }

  void Done(absl::Status status) override {
    if (on_done) on_done();
    const std::lock_guard<std::mutex> lock(mutex_);
    outcomes_.push_back(std::move(status));
    became_done_.notify_all();
  }

  /// Called at the beginning of each Consume and Done. To be set before the task is submitted.
  std::function<void()> on_consume;
  std::function<void()> on_done;

  void WaitUntilDone() const {
    std::unique_lock<std::mutex> lock(mutex_);
    became_done_.wait(lock, [this] { return !outcomes_.empty(); });
  }
  int times_done() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return static_cast<int>(outcomes_.size());
  }
  /// Unknown if the task is not done exactly once.
  absl::Status outcome() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return outcomes_.size() == 1 ? outcomes_[0] : absl::UnknownError("not done exactly once");
  }
  absl::StatusCode code() const { return outcome().code(); }
  std::string message() const { return std::string(outcome().message()); }

  /// How often each row was consumed.
  std::vector<int> consumed() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return consumed_;
  }
  int64_t rows_consumed() const {
    const std::vector<int> counts = consumed();
    return std::accumulate(counts.begin(), counts.end(), int64_t{0});
  }
  /// Every row was consumed once, with its own answer, and the task is done with OK.
  bool succeeded() const {
    if (outcome() != absl::OkStatus()) return false;
    const std::lock_guard<std::mutex> lock(mutex_);
    return foreign_answers_ == 0 && consumed_ == std::vector<int>(rows(), 1);
  }
  int64_t foreign_answers() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return foreign_answers_;
  }

 private:
  mutable std::mutex mutex_;
  mutable std::condition_variable became_done_;
  std::vector<absl::Status> outcomes_;
  std::vector<int> consumed_;
  int64_t foreign_answers_ = 0;
};

inline SteadyTime AtMicrosecond(int64_t microseconds) {
  return SteadyTime{} + std::chrono::microseconds(microseconds);
}

}  // namespace mdn

#endif  // MDN_TESTS_SERVER_BATCHING_RECORDING_TASK_H_

#ifndef MDN_TESTS_SERVER_BATCHING_BATCH_QUEUE_MODEL_H_
#define MDN_TESTS_SERVER_BATCHING_BATCH_QUEUE_MODEL_H_

#include <cstdint>
#include <utility>
#include <vector>

#include "absl/status/status.h"

namespace mdn {

/// What one event brought about, comparable: first the tasks that became done, by number, then the
/// rows that were taken, in order.
using Effects = std::vector<int>;
inline int DoneEffect(int task, absl::StatusCode code) {
  return 1000000 + 100 * task + static_cast<int>(code);
}
inline int TakenEffect(int task, int64_t row) { return 100 * task + static_cast<int>(row); }

/// The rules of BatchQueue again, row by row and without regard for cost. Tasks are numbered in the
/// order of their arrival. Time knows two states: before the near deadline, and after it. Every
/// event returns its effects. Thread-compatible.
class BatchQueueModel {
 public:
  BatchQueueModel(int64_t max_batch_rows, int64_t max_turn_rows, int64_t max_queue_rows)
      : max_batch_rows_(max_batch_rows),
        max_turn_rows_(max_turn_rows),
        max_queue_rows_(max_queue_rows) {}

  /// A task with the near deadline, or none.
  Effects Arrive(int64_t rows, bool near_deadline);
  void PassNearDeadline() { late_ = true; }
  Effects Cancel(int task);
  Effects Take();
  /// The batch that stands at `index` of those out, oldest first. Its first slice may have failed.
  Effects Return(size_t index, bool first_slice_failed);

  size_t batches_out() const { return out_.size(); }
  int64_t waiting_rows() const;
  std::vector<int> LiveTasks() const;

 private:
  struct TaskState {
    int64_t rows = 0;
    bool near_deadline = false;
    std::vector<int64_t> waiting = {};
    int64_t turn = 0;
    int rows_out = 0;
    absl::StatusCode code = absl::StatusCode::kOk;
    bool done = false;
  };
  using Rows = std::vector<std::pair<int, int64_t>>;

  void Insert(int task);
  void Remove(int task);
  void End(int task, absl::StatusCode code);
  void TakeRow(int task, Rows& batch);
  Effects TakeEffects();

  const int64_t max_batch_rows_;
  const int64_t max_turn_rows_;
  const int64_t max_queue_rows_;
  std::vector<TaskState> tasks_;
  std::vector<int> order_;
  // At the end of order_, those that new tasks overtake; and the rows that did.
  size_t overtaken_ = 0;
  int64_t overtaking_rows_ = 0;
  std::vector<Rows> out_;
  bool late_ = false;
  Effects effects_;
};

}  // namespace mdn

#endif  // MDN_TESTS_SERVER_BATCHING_BATCH_QUEUE_MODEL_H_

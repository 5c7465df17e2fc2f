#ifndef MDN_SERVER_BATCHING_TASK_H_
#define MDN_SERVER_BATCHING_TASK_H_

#include <chrono>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "model/mixture/mixture.h"

namespace mdn {

using SteadyTime = std::chrono::steady_clock::time_point;

/// One request's share of the batches that evaluate it. Whoever submits it keeps it alive until
/// Done is called. The batcher calls both methods without holding a lock. What it evaluates is
/// constant; where it stands is guarded by the batcher's mutex.
class Task {
 public:
  /// x [rows, dim_in], checked, at least one row; it must live as long as the task. `group`: what
  /// it has in common with other tasks, if anything; see followed().
  Task(absl::Span<const float> x, int64_t rows, SteadyTime deadline, const void* group = nullptr)
      : x_(x), rows_(rows), deadline_(deadline), group_(group) {}
  virtual ~Task() = default;
  Task(const Task&) = delete;
  Task& operator=(const Task&) = delete;

  absl::Span<const float> x() const { return x_; }
  int64_t rows() const { return rows_; }
  /// The task has expired from this moment on.
  SteadyTime deadline() const { return deadline_; }

  /// Uses the mixtures of this task's rows [first_row, first_row + rows), which stand in `mixture`
  /// from row `begin` on and are finite. Every row comes at most once; calls for different rows may
  /// run at the same time on different threads.
  virtual void Consume(const Mixture& mixture, int64_t begin, int64_t first_row, int64_t rows) = 0;

  /// Called exactly once, after the last Consume has returned. OK: all rows were consumed. The task
  /// may be destroyed within.
  virtual void Done(absl::Status status) = 0;

 protected:
  /// Within Done: the next task to be told, at once and on this thread, is of the same group. What
  /// is better done for many of them together can wait for it.
  bool followed() const { return followed_; }

 private:
  friend class BatchQueue;
  friend class TaskList;

  enum class Stage {
    kNew,      // not submitted yet
    kWaiting,  // in the queue with rows that no batch has taken
    kTaken,    // out of the queue; done as soon as no slice is being evaluated
    kDone,     // decided: only whoever has to call Done touches the task from here on
  };

  const absl::Span<const float> x_;
  const int64_t rows_;
  const SteadyTime deadline_;
  const void* const group_;

  // Guarded by the mutex around the BatchQueue, up to kDone.
  Stage stage_ = Stage::kNew;
  SteadyTime arrival_;
  int64_t next_row_ = 0;    // Batches have taken the rows before this one,
  int64_t turn_end_ = 0;    // and may take the rows before that one until others have had a turn.
  int64_t slices_out_ = 0;  // being evaluated
  int64_t overtaken_ = 0;   // Says whether new tasks go before this one; see BatchQueue.
  absl::Status outcome_;    // The first failure stands.
  bool followed_ = false;
  // Neighbours in the one TaskList that holds the task.
  Task* previous_ = nullptr;
  Task* next_ = nullptr;
};

}  // namespace mdn

#endif  // MDN_SERVER_BATCHING_TASK_H_

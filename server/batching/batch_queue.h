#ifndef MDN_SERVER_BATCHING_BATCH_QUEUE_H_
#define MDN_SERVER_BATCHING_BATCH_QUEUE_H_

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "server/batching/row_pace.h"
#include "server/batching/task.h"
#include "server/batching/task_list.h"

namespace mdn {

/// Consecutive rows of one task within a batch.
struct Slice {
  Task* task = nullptr;
  int64_t first_row = 0;
  int64_t rows = 0;
  /// How long the task has waited for its first batch, which this is.
  std::optional<std::chrono::nanoseconds> waited;
  /// Set by whoever evaluates the batch.
  absl::Status outcome;
};

/// Rows to evaluate together: those of the slices, in order.
struct Batch {
  std::vector<Slice> slices;
  int64_t rows = 0;
  SteadyTime taken;
};

/// What has happened so far. A task that was submitted and is not done waits or is being evaluated.
struct BatchStats {
  int64_t submitted = 0;  // tasks
  int64_t done = 0;       // tasks, refused ones included
  int64_t batches = 0;
  int64_t rows = 0;  // in those batches
};

/// Decides which rows of which tasks make the next batch, and when a task is done. A pure state
/// machine: time is an argument, nothing is evaluated, and no task is called except by Complete.
///
/// Tasks take turns. A turn is max_batch_rows rows at most, and fewer where these, at the pace of
/// the batches before, would take longer than a millisecond; a task that needs several turns is
/// large. A batch has max_batch_rows rows at most, and where a large task is among them, no more
/// than a turn, so that small tasks that come do not wait for long. Small tasks alone are evaluated
/// in batches as large as may be. A turn that a batch cuts goes on in the next one.
///
/// New tasks go, in the order they came, before those that have had a turn and have rows left. When
/// as many of their rows have done so as a batch may have, beyond what the others had meanwhile,
/// everyone who waits then gets a turn before whoever comes. Submitting and cancelling take
/// constant time.
///
/// A task that has to wait and would then, at the pace of the rows before it, hardly make its
/// deadline is not queued: else, with more offered than can be evaluated, everything would wait
/// until nearly its deadline, and the work go into answers that come too late. The pace is that of
/// departures while rows wait without a break, which counts all evaluators and what else the
/// processors do; of single batches otherwise.
///
/// The lists that the methods return hold the tasks which have become done by the call; the caller
/// hands each list to Complete. Thread-compatible.
class BatchQueue {
 public:
  struct Options {
    /// At least 1.
    int64_t max_batch_rows = 512;
    /// Rows that may wait; a task that has more can never enter.
    int64_t max_queue_rows = 65536;
    /// How long a batch that is not full may wait for more rows.
    std::chrono::microseconds max_batch_delay{0};
    /// A turn has a multiple of these, however long they take, unless max_batch_rows is less: a row
    /// costs more in smaller batches. At least 1.
    int64_t efficient_rows = 512;
  };

  explicit BatchQueue(const Options& options)
      : options_(options), max_turn_rows_(options.max_batch_rows) {}
  BatchQueue(const BatchQueue&) = delete;
  BatchQueue& operator=(const BatchQueue&) = delete;

  /// Queues a task that is new, unless it was cancelled before, has expired (DEADLINE_EXCEEDED),
  /// has more rows than may still wait or no time to wait for its turn (RESOURCE_EXHAUSTED): then
  /// it is done.
  [[nodiscard]] TaskList Push(Task& task, SteadyTime now);

  /// Fills `batch`, which is empty, with what waits. Done: the tasks that were met and had expired,
  /// save those with a slice still out. The batch stays empty only if nothing is left waiting.
  [[nodiscard]] TaskList Take(SteadyTime now, Batch& batch);

  /// Takes back an evaluated batch and empties it. A slice that failed ends its task.
  [[nodiscard]] TaskList Return(SteadyTime now, Batch& batch);

  /// Ends the task with `why`, not OK: drops the rows that wait, and it is done unless slices are
  /// out. A new task will be done when it is pushed. No effect on a task that is done, and none on
  /// the status of one that has failed already.
  [[nodiscard]] TaskList Cancel(Task& task, absl::Status why);

  /// When the next batch should be taken: from the beginning of time on if it is full or need not
  /// wait, never (SteadyTime::max()) if the queue is empty.
  SteadyTime NextDue() const;

  bool empty() const { return waiting_.empty(); }
  int64_t waiting_rows() const { return waiting_rows_; }
  /// Of these, those before a small task that came now.
  int64_t turn_rows() const {
    return HaveBeenOvertaken() ? turn_rows_ : turn_rows_ - overtaken_turn_rows_;
  }
  const RowPace& pace() const { return pace_; }
  const BatchStats& stats() const { return stats_; }

  /// Calls Done on each of the tasks. Needs no queue and no lock.
  static void Complete(TaskList done);

 private:
  absl::Status CheckAdmission(const Task& task, SteadyTime now) const;
  int64_t RowsUntilDone(const Task& task) const;
  void RecordDeparture(const Batch& batch, SteadyTime now);
  int64_t MaxTurnRows() const;
  bool IsLarge(const Task& task) const { return task.rows() > max_turn_rows_; }
  bool HaveBeenOvertaken() const { return overtaking_rows_ >= options_.max_batch_rows; }
  void TakeTurn(Task& task, int64_t most_rows, Batch& batch);
  static void AppendRows(Task& task, int64_t rows, Batch& batch);
  void BeginTurn(Task& task);
  void AddTurnRows(const Task& task, int64_t rows);
  void PushNew(Task& task);
  void PushResumed(Task& task);
  void Remove(Task& task);
  void End(Task& task, absl::Status outcome);
  void CollectIfDone(Task& task, TaskList& done);

  const Options options_;
  int64_t max_turn_rows_;
  TaskList waiting_;
  // The first of the tasks at the end of waiting_ that have had a turn and are overtaken by new
  // ones; and how many rows did that, less those that the former had meanwhile.
  Task* resumed_ = nullptr;
  int64_t overtaking_rows_ = 0;
  int64_t waiting_rows_ = 0;
  // Of the waiting rows, those whose task may have them taken in its present turn.
  int64_t turn_rows_ = 0;
  // Of these, those of the tasks from resumed_ on, which have this number.
  int64_t overtaken_turn_rows_ = 0;
  int64_t overtaken_ = 1;
  int64_t rows_out_ = 0;  // being evaluated
  RowPace pace_;
  // By the time that each batch held its evaluator.
  RowPace batch_pace_;
  // When a batch was last returned.
  SteadyTime last_departure_;
  // Rows were due at that moment, and have not all been given up since.
  bool busy_at_departure_ = false;
  BatchStats stats_;
};

}  // namespace mdn

#endif  // MDN_SERVER_BATCHING_BATCH_QUEUE_H_

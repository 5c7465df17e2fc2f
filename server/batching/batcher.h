#ifndef MDN_SERVER_BATCHING_BATCHER_H_
#define MDN_SERVER_BATCHING_BATCHER_H_

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "model/engine/engine.h"
#include "server/batching/batch_queue.h"
#include "server/batching/task.h"
#include "server/observability/histogram.h"

namespace mdn {

/// What a batcher does, for those who watch it. Thread-safe.
struct BatchMetrics {
  /// Of each task that is evaluated, until its first row is.
  Histogram queue_wait{DurationBounds()};
  /// Of each batch, from its being taken until its tasks have what they need.
  Histogram evaluation_time{DurationBounds()};
  Histogram batch_rows{RowBounds()};
};

/// Evaluates tasks together on the threads that bring them. Work-conserving: tasks that find the
/// engine free are evaluated at once; those that come meanwhile wait, and whoever finishes takes
/// all that waits, up to max_batch_rows, as the next batch.
///
/// What a task is told, once: OK · RESOURCE_EXHAUSTED, more rows than may still wait, or no time to
/// wait for its turn · DEADLINE_EXCEEDED, its deadline came before its turn; its rows are not
/// evaluated from then on · what Cancel gave · INTERNAL, the engine failed, or gave this task
/// numbers that are not finite.
///
/// Must outlive every call of its methods, not only the tasks: a thread in Evaluate may still look
/// after the queue when its own task is done. So it must not be destroyed within Done. Thread-safe.
class Batcher {
 public:
  struct Options {
    /// Rows evaluated together; a larger task is evaluated in slices, of fewer rows where these
    /// would take long. At least 1.
    int64_t max_batch_rows = 512;
    /// Rows that may wait; a task that does not fit is refused with RESOURCE_EXHAUSTED. At least as
    /// many as the largest task has, which could never enter otherwise.
    int64_t max_queue_rows = 65536;
    /// How long a batch that is not full may wait for more rows. 0: not at all, and no timer runs.
    std::chrono::microseconds max_batch_delay{0};
    /// Batches evaluated at the same time. At least 1.
    int concurrency = 1;
    /// The clock that deadlines and delays are compared with; called with the lock held.
    std::function<SteadyTime()> now = std::chrono::steady_clock::now;
    /// Hands tasks that a thread has finished together, at least one, to BatchQueue::Complete.
    /// Called without the lock, on several threads at once.
    std::function<void(TaskList)> complete = BatchQueue::Complete;
  };

  /// `engine` outlives the batcher.
  Batcher(const Engine& engine, Options options);
  /// Every task must be done.
  ~Batcher();
  Batcher(const Batcher&) = delete;
  Batcher& operator=(const Batcher&) = delete;

  /// Queues the task, which arrived at `now`. The thread calls Evaluate as soon as it has no more
  /// tasks at hand, and must not wait for anything before. Whether a full batch waits and the
  /// engine is free: more tasks would make it no larger. Every task gets exactly one Done, possibly
  /// before this returns.
  bool Enqueue(Task& task, SteadyTime now);

  /// Evaluates on this thread, if the engine is free, what waits, and then whatever came to wait in
  /// the meantime; else leaves it to whoever is evaluating.
  void Evaluate();

  /// Enqueue, now, and Evaluate.
  void Submit(Task& task);

  /// How long the rows that wait will take, at the pace of those before them; nothing while that
  /// is not known.
  std::optional<std::chrono::nanoseconds> ExpectedWork() const;

  /// The same of those before a small task that came now.
  std::optional<std::chrono::nanoseconds> ExpectedWait() const;

  /// The caller of a task has gone: completes it with `why`, which is not OK, if it waits; the rows
  /// that are being evaluated finish first. A task that has not been submitted yet will be
  /// completed by Enqueue. No effect once the task is done, but the task must still be alive.
  void Cancel(Task& task, absl::Status why);

  int64_t queued_rows() const;
  BatchStats stats() const;
  const BatchMetrics& metrics() const { return metrics_; }

 private:
  // One batch on its way through the engine, and memory that serves one batch after another.
  struct Evaluation {
    Batch batch;
    std::vector<float> x;
    Mixture mixture;
  };

  void Work(std::unique_lock<std::mutex> lock, SteadyTime now);
  Evaluation* Begin(SteadyTime now, TaskList& done);
  void Run(Evaluation& evaluation);
  void RunTimer();
  void WaitForDue(std::unique_lock<std::mutex>& lock, SteadyTime due, SteadyTime now);

  const Engine& engine_;
  const Options options_;
  // Each entry belongs to whoever took it from idle_.
  std::vector<Evaluation> evaluations_;
  BatchMetrics metrics_;

  mutable std::mutex mutex_;
  // Guarded by mutex_.
  BatchQueue queue_;
  std::vector<Evaluation*> idle_;
  bool stopping_ = false;
  SteadyTime timer_wakes_ = SteadyTime::max();

  // Notified, with mutex_ held, when the timer has to wake earlier than timer_wakes_.
  std::condition_variable timer_news_;
  // Runs only if there is a max_batch_delay.
  std::thread timer_;
};

}  // namespace mdn

#endif  // MDN_SERVER_BATCHING_BATCHER_H_

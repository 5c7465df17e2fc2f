#include "server/batching/batcher.h"

#include <cassert>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "spdlog/spdlog.h"

namespace mdn {
namespace {

absl::Span<const float> SliceRows(const Slice& slice, int64_t dim_in) {
  return slice.task->x().subspan(slice.first_row * dim_in, slice.rows * dim_in);
}

/// The batch's rows [batch.rows, dim_in]: the task's own memory where one slice is the batch, else
/// copied into `memory`.
absl::Span<const float> Gather(const Batch& batch, int64_t dim_in, std::vector<float>& memory) {
  if (batch.slices.size() == 1) return SliceRows(batch.slices.front(), dim_in);
  memory.clear();
  for (const Slice& slice : batch.slices) {
    const absl::Span<const float> rows = SliceRows(slice, dim_in);
    memory.insert(memory.end(), rows.begin(), rows.end());
  }
  return memory;
}

absl::Status ConsumeSlice(const Slice& slice, const Mixture& mixture, int64_t begin) {
  const int64_t bad = mixture.FirstNonFiniteRow(begin, begin + slice.rows);
  if (bad >= 0) {
    return absl::InternalError(absl::StrCat("row ", slice.first_row + bad - begin,
                                            " of x: the model gave a number that is not finite"));
  }
  slice.task->Consume(mixture, begin, slice.first_row, slice.rows);
  return absl::OkStatus();
}

void FailAll(Batch& batch, const Engine& engine, const absl::Status& cause) {
  spdlog::error("the {} engine failed on a batch of {} rows from {} tasks: {}",
                std::string(engine.name()), batch.rows, batch.slices.size(), cause.ToString());
  for (Slice& slice : batch.slices) {
    slice.outcome = absl::InternalError("the model could not be evaluated");
  }
}

}  // namespace

Batcher::Batcher(const Engine& engine, Options options)
    : engine_(engine),
      options_(std::move(options)),
      evaluations_(options_.concurrency),
      queue_({options_.max_batch_rows, options_.max_queue_rows, options_.max_batch_delay,
              engine.efficient_rows()}) {
  assert(options_.concurrency >= 1 && options_.max_batch_rows >= 1);
  for (Evaluation& evaluation : evaluations_) idle_.push_back(&evaluation);
  if (options_.max_batch_delay.count() > 0) timer_ = std::thread([this] { RunTimer(); });
}

Batcher::~Batcher() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
    timer_news_.notify_one();
  }
  if (timer_.joinable()) timer_.join();
  assert(queue_.empty() && idle_.size() == evaluations_.size());
}

bool Batcher::Enqueue(Task& task, SteadyTime now) {
  assert(task.rows() >= 1 && task.x().size() == task.rows() * engine_.dim_in());
  std::unique_lock<std::mutex> lock(mutex_);
  TaskList refused = queue_.Push(task, now);
  const bool full = queue_.waiting_rows() >= options_.max_batch_rows && !idle_.empty();
  lock.unlock();
  BatchQueue::Complete(std::move(refused));
  return full;
}

void Batcher::Evaluate() {
  std::unique_lock<std::mutex> lock(mutex_);
  Work(std::move(lock), options_.now());
}

void Batcher::Submit(Task& task) {
  Enqueue(task, options_.now());
  Evaluate();
}

void Batcher::Cancel(Task& task, absl::Status why) {
  std::unique_lock<std::mutex> lock(mutex_);
  TaskList done = queue_.Cancel(task, std::move(why));
  lock.unlock();
  BatchQueue::Complete(std::move(done));
}

// Evaluates batch after batch, as long as one is due and the engine is free. Holds the engine while
// tasks are completed: whoever comes meanwhile joins the next batch, instead of making many small
// ones. Whatever waits after that is this thread's duty, so it looks again; what comes later finds
// the engine free.
void Batcher::Work(std::unique_lock<std::mutex> lock, SteadyTime now) {
  while (true) {
    TaskList done;
    Evaluation* const evaluation = Begin(now, done);
    if (evaluation != nullptr) {
      lock.unlock();
      Run(*evaluation);
      lock.lock();
      const SteadyTime end = options_.now();
      done.Append(queue_.Return(end, evaluation->batch));
      metrics_.evaluation_time.Observe(end - now);
    }
    lock.unlock();
    if (!done.empty()) options_.complete(std::move(done));
    if (evaluation == nullptr) return;
    lock.lock();
    idle_.push_back(evaluation);
    now = options_.now();
  }
}

// Takes a batch if one is due and the engine is free. Needs the lock.
Batcher::Evaluation* Batcher::Begin(SteadyTime now, TaskList& done) {
  if (idle_.empty()) return nullptr;
  const SteadyTime due = queue_.NextDue();
  if (due > now) {
    if (due < timer_wakes_) timer_news_.notify_one();
    return nullptr;
  }
  Evaluation* const evaluation = idle_.back();
  done.Append(queue_.Take(now, evaluation->batch));
  if (evaluation->batch.rows == 0) return nullptr;
  idle_.pop_back();
  return evaluation;
}

void Batcher::Run(Evaluation& evaluation) {
  Batch& batch = evaluation.batch;
  metrics_.batch_rows.Observe(batch.rows);
  for (const Slice& slice : batch.slices) {
    if (slice.waited.has_value()) metrics_.queue_wait.Observe(*slice.waited);
  }
  const absl::Span<const float> x = Gather(batch, engine_.dim_in(), evaluation.x);
  const absl::Status status = engine_.Evaluate(x, batch.rows, evaluation.mixture);
  if (!status.ok()) return FailAll(batch, engine_, status);
  int64_t begin = 0;
  for (Slice& slice : batch.slices) {
    slice.outcome = ConsumeSlice(slice, evaluation.mixture, begin);
    begin += slice.rows;
  }
}

void Batcher::RunTimer() {
  std::unique_lock<std::mutex> lock(mutex_);
  while (!stopping_) {
    // While every evaluation is taken, those who finish look after what waits.
    const SteadyTime due = idle_.empty() ? SteadyTime::max() : queue_.NextDue();
    const SteadyTime now = options_.now();
    if (due > now) {
      WaitForDue(lock, due, now);
    } else {
      Work(std::move(lock), now);
      lock = std::unique_lock<std::mutex>(mutex_);
    }
  }
}

void Batcher::WaitForDue(std::unique_lock<std::mutex>& lock, SteadyTime due, SteadyTime now) {
  timer_wakes_ = due;
  if (due == SteadyTime::max()) {
    timer_news_.wait(lock);
  } else {
    timer_news_.wait_for(lock, due - now);
  }
}

std::optional<std::chrono::nanoseconds> Batcher::ExpectedWork() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return queue_.pace().TimeFor(queue_.waiting_rows());
}

std::optional<std::chrono::nanoseconds> Batcher::ExpectedWait() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return queue_.pace().TimeFor(queue_.turn_rows());
}

int64_t Batcher::queued_rows() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return queue_.waiting_rows();
}

BatchStats Batcher::stats() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return queue_.stats();
}

}  // namespace mdn

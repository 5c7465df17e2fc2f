#include "server/batching/batch_queue.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/observability/rejection.h"

namespace mdn {
namespace {

absl::Status QueueFull(int64_t waiting_rows, int64_t rows, int64_t max_queue_rows) {
  return Rejected(Rejection::kQueueFull,
                  absl::ResourceExhaustedError(absl::StrCat(
                      "the queue is full: ", waiting_rows, " rows wait and this request has ", rows,
                      " more; max_queue_rows is ", max_queue_rows)));
}

// What a turn may take, if it has more rows than are efficient: what a small task waits beside a
// large one, and still long beside what handling a batch costs.
constexpr std::chrono::milliseconds kTurnTime{1};

// Rows wait in the transport as well, and paces vary.
constexpr int kSafety = 2;

absl::Status NoTimeToWait(int64_t rows, std::chrono::nanoseconds wait,
                          std::chrono::nanoseconds left) {
  using Milliseconds = std::chrono::duration<double, std::milli>;
  return Rejected(
      Rejection::kDeadlineTooNear,
      absl::ResourceExhaustedError(absl::StrCat(
          "the deadline is too near: ", rows, " rows, up to this request's last, take about ",
          Milliseconds(wait).count(), " ms, and half of the time left is ",
          Milliseconds(left / kSafety).count(), " ms")));
}

absl::Status TooLate(absl::string_view message) {
  return Rejected(Rejection::kDeadlinePassed, absl::DeadlineExceededError(message));
}

}  // namespace

TaskList BatchQueue::Push(Task& task, SteadyTime now) {
  assert(task.stage_ == Task::Stage::kNew);
  ++stats_.submitted;
  TaskList done;
  task.stage_ = Task::Stage::kTaken;
  if (absl::Status admission = CheckAdmission(task, now); !admission.ok()) {
    End(task, std::move(admission));
    CollectIfDone(task, done);
    return done;
  }
  task.stage_ = Task::Stage::kWaiting;
  task.arrival_ = now;
  waiting_rows_ += task.rows();
  PushNew(task);
  return done;
}

absl::Status BatchQueue::CheckAdmission(const Task& task, SteadyTime now) const {
  if (!task.outcome_.ok()) return task.outcome_;
  if (task.deadline() <= now) {
    return TooLate("the deadline had passed when the request arrived");
  }
  if (task.rows() > options_.max_queue_rows - waiting_rows_) {
    return QueueFull(waiting_rows_, task.rows(), options_.max_queue_rows);
  }
  // Whoever comes first is served, however slow the pace was: so it can recover.
  if (waiting_.empty() || task.deadline() == SteadyTime::max()) return absl::OkStatus();
  const int64_t rows = RowsUntilDone(task);
  const auto wait = pace_.TimeFor(rows);
  const auto left = task.deadline() - now;
  if (wait.has_value() && *wait > left / kSafety) return NoTimeToWait(rows, *wait, left);
  return absl::OkStatus();
}

int64_t BatchQueue::RowsUntilDone(const Task& task) const {
  const int64_t turns = (task.rows() + max_turn_rows_ - 1) / max_turn_rows_;
  const int64_t before = turn_rows() + (turns - 1) * turn_rows_;
  return rows_out_ + std::min(before, waiting_rows_) + task.rows();
}

TaskList BatchQueue::Take(SteadyTime now, Batch& batch) {
  assert(batch.rows == 0 && batch.slices.empty());
  batch.taken = now;
  TaskList done;
  int64_t max_rows = options_.max_batch_rows;
  while (!waiting_.empty() && batch.rows < max_rows) {
    Task& task = waiting_.front();
    if (task.deadline() <= now) {
      End(task, TooLate("the deadline passed while the request waited"));
      CollectIfDone(task, done);
      continue;
    }
    if (IsLarge(task)) max_rows = max_turn_rows_;
    if (batch.rows < max_rows) TakeTurn(task, max_rows - batch.rows, batch);
  }
  rows_out_ += batch.rows;
  if (batch.rows > 0) ++stats_.batches;
  stats_.rows += batch.rows;
  return done;
}

void BatchQueue::TakeTurn(Task& task, int64_t most_rows, Batch& batch) {
  const int64_t rows = std::min(task.turn_end_ - task.next_row_, most_rows);
  AppendRows(task, rows, batch);
  task.next_row_ += rows;
  waiting_rows_ -= rows;
  AddTurnRows(task, -rows);
  if (&task == resumed_) overtaking_rows_ = std::max(overtaking_rows_ - rows, int64_t{0});
  if (task.next_row_ < task.turn_end_) return;
  Remove(task);
  if (task.next_row_ < task.rows()) {
    PushResumed(task);
  } else {
    task.stage_ = Task::Stage::kTaken;
  }
}

void BatchQueue::AppendRows(Task& task, int64_t rows, Batch& batch) {
  batch.rows += rows;
  if (!batch.slices.empty() && batch.slices.back().task == &task) {
    batch.slices.back().rows += rows;  // A task's rows are taken in order.
    return;
  }
  Slice& slice = batch.slices.emplace_back();
  slice.task = &task;
  slice.first_row = task.next_row_;
  slice.rows = rows;
  if (slice.first_row == 0) slice.waited = batch.taken - task.arrival_;
  ++task.slices_out_;
}

void BatchQueue::BeginTurn(Task& task) {
  task.turn_end_ = task.next_row_ + std::min(task.rows() - task.next_row_, max_turn_rows_);
  AddTurnRows(task, task.turn_end_ - task.next_row_);
}

void BatchQueue::AddTurnRows(const Task& task, int64_t rows) {
  turn_rows_ += rows;
  if (task.overtaken_ == overtaken_) overtaken_turn_rows_ += rows;
}

void BatchQueue::PushNew(Task& task) {
  BeginTurn(task);
  if (HaveBeenOvertaken()) {
    resumed_ = nullptr;
    overtaking_rows_ = overtaken_turn_rows_ = 0;
    ++overtaken_;
  }
  waiting_.InsertBefore(resumed_, task);
  if (resumed_ != nullptr) overtaking_rows_ += task.turn_end_;
}

void BatchQueue::PushResumed(Task& task) {
  task.overtaken_ = overtaken_;
  BeginTurn(task);
  waiting_.PushBack(task);
  if (resumed_ == nullptr) resumed_ = &task;
}

void BatchQueue::Remove(Task& task) {
  if (&task == resumed_) resumed_ = task.next_;
  waiting_.Remove(task);
}

TaskList BatchQueue::Return(SteadyTime now, Batch& batch) {
  TaskList done;
  RecordDeparture(batch, now);
  for (Slice& slice : batch.slices) {
    Task& task = *slice.task;
    --task.slices_out_;
    if (!slice.outcome.ok()) End(task, std::move(slice.outcome));
    CollectIfDone(task, done);
  }
  batch.slices.clear();
  batch.rows = 0;
  busy_at_departure_ = NextDue() <= now;
  return done;
}

void BatchQueue::RecordDeparture(const Batch& batch, SteadyTime now) {
  pace_.Record(batch.rows, now - (busy_at_departure_ ? last_departure_ : batch.taken));
  rows_out_ -= batch.rows;
  last_departure_ = now;
  batch_pace_.Record(batch.rows, now - batch.taken);
  max_turn_rows_ = MaxTurnRows();
}

int64_t BatchQueue::MaxTurnRows() const {
  const int64_t rows = batch_pace_.RowsWithin(kTurnTime, options_.max_batch_rows);
  if (rows == options_.max_batch_rows) return rows;
  const int64_t tiled = rows - rows % options_.efficient_rows;
  return std::min(std::max(tiled, options_.efficient_rows), options_.max_batch_rows);
}

TaskList BatchQueue::Cancel(Task& task, absl::Status why) {
  assert(!why.ok());
  TaskList done;
  if (task.stage_ == Task::Stage::kDone) return done;
  End(task, std::move(why));
  CollectIfDone(task, done);
  return done;
}

void BatchQueue::End(Task& task, absl::Status outcome) {
  if (task.outcome_.ok()) task.outcome_ = std::move(outcome);
  if (task.stage_ != Task::Stage::kWaiting) return;
  Remove(task);
  waiting_rows_ -= task.rows() - task.next_row_;
  AddTurnRows(task, task.next_row_ - task.turn_end_);
  if (waiting_.empty()) busy_at_departure_ = false;
  task.stage_ = Task::Stage::kTaken;
}

void BatchQueue::CollectIfDone(Task& task, TaskList& done) {
  if (task.stage_ != Task::Stage::kTaken || task.slices_out_ > 0) return;
  task.stage_ = Task::Stage::kDone;
  ++stats_.done;
  done.PushBack(task);
}

SteadyTime BatchQueue::NextDue() const {
  if (waiting_.empty()) return SteadyTime::max();
  if (options_.max_batch_delay.count() == 0) return SteadyTime::min();
  const int64_t full = IsLarge(waiting_.front()) ? max_turn_rows_ : options_.max_batch_rows;
  if (waiting_rows_ >= full) return SteadyTime::min();
  const Task& first = resumed_ == nullptr ? waiting_.front() : *resumed_;
  return first.arrival_ + options_.max_batch_delay;
}

void BatchQueue::Complete(TaskList done) {
  while (!done.empty()) {
    Task& task = done.PopFront();
    task.followed_ = task.group_ != nullptr && !done.empty() && done.front().group_ == task.group_;
    task.Done(std::move(task.outcome_));
  }
}

}  // namespace mdn

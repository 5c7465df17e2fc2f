#include "server/batching/batch_queue.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "absl/strings/str_cat.h"

namespace mdn {
namespace {

absl::Status QueueFull(int64_t waiting_rows, int64_t rows, int64_t max_queue_rows) {
  return absl::ResourceExhaustedError(absl::StrCat("the queue is full: ", waiting_rows,
                                                   " rows wait and this request has ", rows,
                                                   " more; max_queue_rows is ", max_queue_rows));
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
  BeginTurn(task);
  return done;
}

absl::Status BatchQueue::CheckAdmission(const Task& task, SteadyTime now) const {
  if (!task.outcome_.ok()) return task.outcome_;
  if (task.deadline() <= now) {
    return absl::DeadlineExceededError("the deadline had passed when the request arrived");
  }
  if (task.rows() > options_.max_queue_rows - waiting_rows_) {
    return QueueFull(waiting_rows_, task.rows(), options_.max_queue_rows);
  }
  return absl::OkStatus();
}

TaskList BatchQueue::Take(SteadyTime now, Batch& batch) {
  assert(batch.rows == 0 && batch.slices.empty());
  TaskList done;
  while (!waiting_.empty() && batch.rows < options_.max_batch_rows) {
    Task& task = waiting_.front();
    if (task.deadline() > now) {
      TakeTurn(task, batch);
      continue;
    }
    End(task, absl::DeadlineExceededError("the deadline passed while the request waited"));
    CollectIfDone(task, done);
  }
  if (batch.rows > 0) ++stats_.batches;
  stats_.rows += batch.rows;
  return done;
}

void BatchQueue::TakeTurn(Task& task, Batch& batch) {
  const int64_t rows =
      std::min(task.turn_end_ - task.next_row_, options_.max_batch_rows - batch.rows);
  AppendRows(task, rows, batch);
  task.next_row_ += rows;
  waiting_rows_ -= rows;
  if (task.next_row_ < task.turn_end_) return;
  waiting_.Remove(task);
  if (task.next_row_ < task.rows()) {
    BeginTurn(task);
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
  batch.slices.push_back({&task, task.next_row_, rows, absl::OkStatus()});
  ++task.slices_out_;
}

void BatchQueue::BeginTurn(Task& task) {
  task.turn_end_ = task.next_row_ + std::min(task.rows() - task.next_row_, options_.max_batch_rows);
  waiting_.PushBack(task);
}

TaskList BatchQueue::Return(Batch& batch) {
  TaskList done;
  for (Slice& slice : batch.slices) {
    Task& task = *slice.task;
    --task.slices_out_;
    if (!slice.outcome.ok()) End(task, std::move(slice.outcome));
    CollectIfDone(task, done);
  }
  batch.slices.clear();
  batch.rows = 0;
  return done;
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
  waiting_.Remove(task);
  waiting_rows_ -= task.rows() - task.next_row_;
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
  if (waiting_rows_ >= options_.max_batch_rows) return SteadyTime::min();
  return waiting_.front().arrival_ + options_.max_batch_delay;
}

void BatchQueue::Complete(TaskList done) {
  while (!done.empty()) {
    Task& task = done.PopFront();
    task.Done(std::move(task.outcome_));
  }
}

}  // namespace mdn

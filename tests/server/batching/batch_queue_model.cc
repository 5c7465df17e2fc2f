#include "tests/server/batching/batch_queue_model.h"

#include <algorithm>
#include <utility>

namespace mdn {

Effects BatchQueueModel::Arrive(int64_t rows, bool near_deadline) {
  const int task = static_cast<int>(tasks_.size());
  const bool fits = waiting_rows() + rows <= max_queue_rows_;
  tasks_.push_back({rows, near_deadline});
  if (near_deadline && late_) {
    End(task, absl::StatusCode::kDeadlineExceeded);
  } else if (!fits) {
    End(task, absl::StatusCode::kResourceExhausted);
  } else {
    for (int64_t row = 0; row < rows; ++row) tasks_[task].waiting.push_back(row);
    tasks_[task].turn = max_turn_rows_;
    Insert(task);
  }
  return TakeEffects();
}

void BatchQueueModel::Insert(int task) {
  if (overtaking_rows_ >= max_batch_rows_) overtaken_ = overtaking_rows_ = 0;
  order_.insert(order_.end() - static_cast<int64_t>(overtaken_), task);
  if (overtaken_ > 0) overtaking_rows_ += std::min(tasks_[task].rows, max_turn_rows_);
}

void BatchQueueModel::Remove(int task) {
  const auto place = std::find(order_.begin(), order_.end(), task);
  if (place == order_.end()) return;
  if (order_.end() - place <= static_cast<int64_t>(overtaken_)) --overtaken_;
  order_.erase(place);
}

Effects BatchQueueModel::Cancel(int task) {
  End(task, absl::StatusCode::kCancelled);
  return TakeEffects();
}

Effects BatchQueueModel::Take() {
  Rows batch;
  int64_t most = max_batch_rows_;
  while (!order_.empty() && batch.size() < most) {
    const int task = order_.front();
    if (tasks_[task].near_deadline && late_) {
      End(task, absl::StatusCode::kDeadlineExceeded);
    } else if (most > max_turn_rows_ && tasks_[task].rows > max_turn_rows_) {
      most = max_turn_rows_;
    } else {
      TakeRow(task, batch);
    }
  }
  for (const auto& [task, row] : batch) effects_.push_back(TakenEffect(task, row));
  if (!batch.empty()) out_.push_back(std::move(batch));
  return TakeEffects();
}

void BatchQueueModel::TakeRow(int task, Rows& batch) {
  TaskState& state = tasks_[task];
  batch.emplace_back(task, state.waiting.front());
  state.waiting.erase(state.waiting.begin());
  ++state.rows_out;
  --state.turn;
  if (order_.size() == overtaken_ && overtaking_rows_ > 0) --overtaking_rows_;
  if (state.waiting.empty() || state.turn == 0) Remove(task);
  if (!state.waiting.empty() && state.turn == 0) {
    state.turn = max_turn_rows_;
    order_.push_back(task);
    ++overtaken_;
  }
}

Effects BatchQueueModel::Return(size_t index, bool first_slice_failed) {
  const Rows batch = out_[index];
  out_.erase(out_.begin() + static_cast<int64_t>(index));
  for (const auto& [task, row] : batch) --tasks_[task].rows_out;
  if (first_slice_failed) End(batch.front().first, absl::StatusCode::kInternal);
  for (const auto& [task, row] : batch) {
    if (tasks_[task].waiting.empty()) End(task, absl::StatusCode::kOk);
  }
  return TakeEffects();
}

void BatchQueueModel::End(int task, absl::StatusCode code) {
  TaskState& state = tasks_[task];
  if (state.code == absl::StatusCode::kOk) state.code = code;
  state.waiting.clear();
  Remove(task);
  if (state.rows_out > 0 || std::exchange(state.done, true)) return;
  effects_.push_back(DoneEffect(task, state.code));
}

Effects BatchQueueModel::TakeEffects() {
  const auto taken = std::stable_partition(effects_.begin(), effects_.end(), [](int effect) {
    return effect >= DoneEffect(0, absl::StatusCode::kOk);
  });
  std::sort(effects_.begin(), taken);
  return std::exchange(effects_, {});
}

int64_t BatchQueueModel::waiting_rows() const {
  int64_t rows = 0;
  for (const TaskState& task : tasks_) rows += static_cast<int64_t>(task.waiting.size());
  return rows;
}

std::vector<int> BatchQueueModel::LiveTasks() const {
  std::vector<int> live;
  for (int task = 0; task < static_cast<int>(tasks_.size()); ++task) {
    if (!tasks_[task].done) live.push_back(task);
  }
  return live;
}

}  // namespace mdn

#include "server/rpc/gathered_tasks.h"

#include <algorithm>
#include <chrono>

namespace mdn {
namespace {

// How long calls that need no evaluation, health checks and refusals among them, wait for a thread
// that evaluates, before another one takes its place. On one processor, with H = 1024 and 160 calls
// of one row under way, health checks had an answer after 0.8 ms (median) and 10 ms (99 %) with
// this limit, after 14 and 29 ms with 5 ms. With 64 under way a request cost 65 and 63 us of CPU.
constexpr std::chrono::milliseconds kLongWork(1);

bool IsLong(const Batcher& batcher) {
  const auto work = batcher.ExpectedWork();
  return !work.has_value() || *work > kLongWork;
}

}  // namespace

GatheredTasks& GatheredTasks::OfThisThread() {
  thread_local GatheredTasks tasks;
  return tasks;
}

void GatheredTasks::Add(const std::shared_ptr<ServedModel>& model, Task& task) {
  Batcher& batcher = model->batcher();
  if (std::find(models_.begin(), models_.end(), model) == models_.end()) models_.push_back(model);
  if (batcher.Enqueue(task)) full_ = true;
}

void GatheredTasks::Evaluate(PollingPlaces& places) {
  for (const auto& model : models_) {
    Batcher& batcher = model->batcher();
    if (IsLong(batcher)) {
      places.Leave();
      batcher.Evaluate();
      places.Enter();
    } else {
      batcher.Evaluate();
    }
  }
  models_.clear();
  full_ = false;
}

}  // namespace mdn

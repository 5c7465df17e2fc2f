// In gathered_tasks.cc's place: a rival of the policy, in which one thread evaluates for all, and
// those that poll hand over to it. Everything else is mdn_server's.

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "server/rpc/gathered_tasks.h"

namespace mdn {
namespace {

using Models = absl::InlinedVector<std::shared_ptr<ServedModel>, 1>;

void AddTo(Models& models, const std::shared_ptr<ServedModel>& model) {
  if (std::find(models.begin(), models.end(), model) == models.end()) models.push_back(model);
}

/// The thread, and the models that have tasks for it. Thread-safe.
class Evaluator {
 public:
  /// Lives until the process ends, and so does its thread.
  static Evaluator& Only() {
    static Evaluator& evaluator = *new Evaluator;
    return evaluator;
  }

  void Take(const Models& models) {
    const std::lock_guard<std::mutex> lock(mutex_);
    for (const auto& model : models) AddTo(waiting_, model);
    if (sleeping_) news_.notify_one();
  }

 private:
  Evaluator() : thread_([this] { Run(); }) {}

  void Run() {
    while (true) {
      for (const auto& model : AwaitModels()) model->batcher().Evaluate();
    }
  }

  Models AwaitModels() {
    std::unique_lock<std::mutex> lock(mutex_);
    sleeping_ = true;
    news_.wait(lock, [this] { return !waiting_.empty(); });
    sleeping_ = false;
    Models models;
    models.swap(waiting_);
    return models;
  }

  std::mutex mutex_;
  std::condition_variable news_;
  // Guarded by mutex_.
  Models waiting_;
  bool sleeping_ = false;

  std::thread thread_;
};

}  // namespace

GatheredTasks& GatheredTasks::OfThisThread() {
  thread_local GatheredTasks tasks;
  return tasks;
}

void GatheredTasks::Add(const std::shared_ptr<ServedModel>& model, Task& task, SteadyTime now) {
  AddTo(models_, model);
  model->batcher().Enqueue(task, now);
}

// An evaluator that sleeps is woken by the first task.
bool GatheredTasks::small() const { return true; }
int GatheredTasks::looks() const { return 1; }

bool GatheredTasks::Finish() {
  if (models_.empty()) return false;
  Evaluator::Only().Take(models_);
  models_.clear();
  return true;
}

void GatheredTasks::Rest() {}

}  // namespace mdn

#include "server/rpc/gathered_tasks.h"

#include <algorithm>
#include <chrono>
#include <thread>

namespace mdn {
namespace {

// How long calls that need no evaluation, health checks and refusals among them, wait for a thread
// that evaluates, before another one takes its place. On one processor, with H = 1024 and 160 calls
// of one row under way, health checks had an answer after 0.8 ms (median) and 10 ms (99 %) with
// this limit, after 14 and 29 ms with 5 ms. With 64 under way a request cost 65 and 63 us of CPU.
constexpr std::chrono::milliseconds kLongWork(1);

// A look for more events costs about a microsecond where there are none.
constexpr std::chrono::microseconds kLittleWork(5);
// gRPC 1.51 reads one connection at a look. If that brings several requests, the next look reads
// nothing. So only a second one tells that there is nothing more; without it, a batch holds the
// requests of one connection. With H = 1024 and half of the requests that it can answer, the median
// latency was 2.0 ms with one look, 0.56 ms with two, and 0.62 ms with four. Long work is better
// begun: another thread receives meanwhile. tests/benchmarks/serving --widths=1024
// --only=peak,same_rate
constexpr std::chrono::microseconds kMuchWork(20);
constexpr int kLooksForMuchWork = 2;
// While evaluations take all processors, each event that wakes the thread which receives takes one
// of them away for some 200 us, in which code and weights come back into the caches. So that thread
// rests for a part of what a small request would wait for: it is not served sooner by being
// received sooner. With H = 1024 on one processor and 8 rows a request, offered twice what it can
// answer, it answers 0.91 of its peak so; with half of these rests 0.88. A look that brings nothing
// may have been at one of several connections that have something: without the further looks before
// a rest, those wait for the next one, and answers took 10 ms longer. tests/benchmarks/serving
// --quick --only=peak_of_8_rows,overload
constexpr int kRestPart = 8;
constexpr std::chrono::microseconds kLongestRest(6000);
constexpr int kLooksBeforeRest = 4;

bool IsLong(const Batcher& batcher) {
  const auto work = batcher.ExpectedWork();
  return !work.has_value() || *work > kLongWork;
}

// Half of what receiving a request takes. Where evaluating it takes less, tasks that come together
// gain little, and whoever came first waits for everyone else to be received. So only few wait for
// one another at the beginning of a busy time; a server that has work without end gathers all there
// is. With H = 50 the median latency at 70 % of the peak was 1.34 times an echo's without this, and
// 1.23 with it. At most 1, 4 or 8 at all times cost 7, 6 or 1 % more CPU a request at saturation.
// tests/benchmarks/serving --quick --only=saturated,peak,tail
constexpr std::chrono::microseconds kQuickTask(2);
// More gain nothing by each other, and the first of them waits. Where the machine has stood still,
// hundreds are there at once: received all, then evaluated all, then answered all, they are out of
// the caches each time. With pauses of 5 ms, H = 128 and half of the peak, the mean latency was 3.0
// times an echo's without this and a robust pace, 0.9 to 1.4 times with them. At saturation 64 cost
// what 128 or any number do, 16 up to 2 % more. tests/benchmarks/serving --widths=50,128
// --only=saturated,peak,pauses
constexpr int64_t kMostTasks = 64;

bool AreQuick(int64_t tasks, const Batcher& batcher) {
  const auto work = batcher.ExpectedWork();
  return work.has_value() && *work < tasks * kQuickTask;
}

bool IsLittle(const Batcher& batcher) {
  const auto work = batcher.ExpectedWork();
  return work.has_value() && *work < kLittleWork;
}

bool IsMuch(const Batcher& batcher) {
  const auto work = batcher.ExpectedWork();
  return work.has_value() && *work > kMuchWork && *work <= kLongWork;
}

std::chrono::nanoseconds RestFor(const Batcher& batcher) {
  const auto waiting = batcher.ExpectedWait().value_or(std::chrono::nanoseconds::zero());
  return std::min<std::chrono::nanoseconds>(waiting / kRestPart, kLongestRest);
}

}  // namespace

GatheredTasks& GatheredTasks::OfThisThread() {
  thread_local GatheredTasks tasks;
  return tasks;
}

void GatheredTasks::Add(const std::shared_ptr<ServedModel>& model, Task& task, SteadyTime now) {
  Batcher& batcher = model->batcher();
  if (std::find(models_.begin(), models_.end(), model) == models_.end()) models_.push_back(model);
  if (batcher.Enqueue(task, now)) full_ = true;
  if (++tasks_ < enough_tasks_) return;
  enough_tasks_ = std::min(2 * enough_tasks_, kMostTasks);
  if (tasks_ >= kMostTasks || AreQuick(tasks_, batcher)) full_ = true;
}

bool GatheredTasks::small() const {
  return std::all_of(models_.begin(), models_.end(),
                     [](const auto& model) { return IsLittle(model->batcher()); });
}

int GatheredTasks::looks() const {
  if (place_->interrupts()) return kLooksBeforeRest;
  const bool much = std::any_of(models_.begin(), models_.end(),
                                [](const auto& model) { return IsMuch(model->batcher()); });
  return much ? kLooksForMuchWork : 1;
}

bool GatheredTasks::Finish() {
  if (models_.empty()) return false;
  std::chrono::nanoseconds rest{0};
  for (auto& model : models_) {
    const bool is_long = IsLong(model->batcher());
    const auto evaluate = [&] {
      model->batcher().Evaluate();
      if (place_->interrupts()) rest = RestFor(model->batcher());
      model.reset();  // This thread may have to wait for its place, and nobody knows how long.
    };
    if (is_long) {
      place_->Yield(evaluate);
    } else {
      place_->Keep(evaluate);
    }
  }
  rest_ = place_->interrupts() ? rest : std::chrono::nanoseconds::zero();
  models_.clear();
  full_ = false;
  tasks_ = 0;
  return true;
}

void GatheredTasks::Rest() {
  enough_tasks_ = kFewTasks;
  if (place_->interrupts()) std::this_thread::sleep_for(rest_);
}

}  // namespace mdn

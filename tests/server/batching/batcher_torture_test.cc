#include <algorithm>
#include <chrono>
#include <memory>
#include <random>
#include <thread>
#include <tuple>
#include <vector>

#include "gtest/gtest.h"
#include "server/batching/batcher.h"
#include "tests/server/batching/recording_task.h"
#include "tests/support/fake_engine.h"

namespace mdn {
namespace {

constexpr int kThreads = 8;
constexpr int kTasksPerThread = 500;
constexpr int kMaxRows = 40;
constexpr int kTasks = kThreads * kTasksPerThread;

using Tasks = std::vector<std::unique_ptr<RecordingTask>>;

/// Different tasks have different rows; some deadlines have passed, some come soon.
Tasks MakeTasks(std::mt19937& generator) {
  std::uniform_int_distribution<int> rows(1, kMaxRows), kind(0, 9), soon(0, 2000);
  const SteadyTime now = std::chrono::steady_clock::now();
  Tasks tasks;
  for (int i = 0; i < kTasks; ++i) {
    const int task_kind = kind(generator);
    const SteadyTime deadline = task_kind == 0 ? now
                                : task_kind <= 4
                                    ? now + std::chrono::microseconds(10 * soon(generator))
                                    : SteadyTime::max();
    tasks.push_back(std::make_unique<RecordingTask>(i * kMaxRows, rows(generator), deadline));
  }
  return tasks;
}

/// Submits the thread's share, and now and then cancels a task in any state, of any thread.
void SubmitAndCancel(int thread, Batcher& batcher, const Tasks& tasks) {
  std::mt19937 generator(thread);
  std::uniform_int_distribution<int> any_task(0, kTasks - 1), one_in_five(0, 4);
  for (int i = thread; i < kTasks; i += kThreads) {
    batcher.Submit(*tasks[i]);
    if (one_in_five(generator) == 0) {
      batcher.Cancel(*tasks[any_task(generator)], absl::CancelledError("gone"));
    }
    if (one_in_five(generator) == 0) {
      batcher.Cancel(*tasks[std::min(i + thread, kTasks - 1)], absl::CancelledError("gone"));
    }
  }
}

void CheckTask(const RecordingTask& task) {
  ASSERT_EQ(task.times_done(), 1);
  ASSERT_EQ(task.foreign_answers(), 0);
  for (const int times : task.consumed()) ASSERT_LE(times, 1);
  const absl::StatusCode code = task.code();
  ASSERT_EQ(code == absl::StatusCode::kOk, task.succeeded());
  ASSERT_TRUE(code == absl::StatusCode::kOk || code == absl::StatusCode::kCancelled ||
              code == absl::StatusCode::kDeadlineExceeded ||
              code == absl::StatusCode::kResourceExhausted || code == absl::StatusCode::kInternal)
      << task.outcome();
}

class BatcherTortureTest
    : public ::testing::TestWithParam<std::tuple<int, std::chrono::microseconds>> {};

TEST_P(BatcherTortureTest, EveryTaskIsDoneOnceAndEveryRowHasItsOwnAnswer) {
  std::mt19937 generator(1);
  const Tasks tasks = MakeTasks(generator);
  FakeEngine engine;
  for (int i = 0; i < kTasks; i += 97) engine.BreakRowsThatBeginWith(i * kMaxRows);
  Batcher::Options options;
  options.max_batch_rows = 16;
  options.max_queue_rows = 100;
  std::tie(options.concurrency, options.max_batch_delay) = GetParam();
  Batcher batcher(engine, options);

  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] { SubmitAndCancel(thread, batcher, tasks); });
  }
  for (std::thread& thread : threads) thread.join();
  for (const auto& task : tasks) task->WaitUntilDone();

  for (const auto& task : tasks) ASSERT_NO_FATAL_FAILURE(CheckTask(*task));
  const BatchStats stats = batcher.stats();
  EXPECT_EQ(stats.submitted, kTasks);
  EXPECT_EQ(stats.done, kTasks);
  EXPECT_EQ(stats.rows, engine.rows_seen());
  EXPECT_EQ(stats.batches, engine.calls().size());
  EXPECT_EQ(batcher.queued_rows(), 0);
}

INSTANTIATE_TEST_SUITE_P(ConcurrencyAndDelay, BatcherTortureTest,
                         ::testing::Combine(::testing::Values(1, 2, 4),
                                            ::testing::Values(std::chrono::microseconds(0),
                                                              std::chrono::microseconds(50))));

}  // namespace
}  // namespace mdn

#include "model/engine/native/row_threads.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

namespace mdn {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::Ge;
using ::testing::Le;

/// How often each row was worked on. Rows are not shared, so this needs no lock.
std::vector<int> WorkOf(RowThreads& threads, int64_t rows, int64_t part) {
  std::vector<int> times(rows, 0);
  threads.Run(rows, part, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) ++times[row];
  });
  return times;
}

/// Where threads wait until a number of them have come.
class Rendezvous {
 public:
  explicit Rendezvous(int awaited) : awaited_(awaited) {}

  void Arrive() {
    std::unique_lock<std::mutex> lock(mutex_);
    if (--awaited_ == 0) all_came_.notify_all();
    all_came_.wait(lock, [this] { return awaited_ <= 0; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable all_came_;
  int awaited_;
};

TEST(RowThreadsTest, CountsTheCallersThread) {
  EXPECT_EQ(RowThreads(1).threads(), 1);
  EXPECT_EQ(RowThreads(3).threads(), 3);
}

TEST(RowThreadsTest, EveryRowIsWorkedOnOnce) {
  for (const int count : {1, 2, 8}) {
    RowThreads threads(count);
    for (const int64_t rows : {1, 2, 7, 64, 1000}) {
      for (const int64_t part : {1, 3, 64, 5000}) {
        EXPECT_THAT(WorkOf(threads, rows, part), Each(1))
            << count << " threads, " << rows << " rows in parts of " << part;
      }
    }
  }
}

TEST(RowThreadsTest, NoRowsAreNoWork) {
  RowThreads threads(2);
  threads.Run(0, 5, [](int64_t, int64_t) { ADD_FAILURE(); });
}

TEST(RowThreadsTest, PartsAreNoLargerThanAskedAndNeverEmpty) {
  RowThreads threads(3);
  std::mutex mutex;
  std::vector<int64_t> sizes;
  threads.Run(100, 7, [&](int64_t begin, int64_t end) {
    const std::lock_guard<std::mutex> lock(mutex);
    sizes.push_back(end - begin);
  });
  EXPECT_THAT(sizes, Each(AllOf(Ge(1), Le(7))));
}

TEST(RowThreadsTest, AllThreadsWorkAtTheSameTime) {
  constexpr int kThreads = 4;
  RowThreads threads(kThreads);
  for (int repeat = 0; repeat < 20; ++repeat) {
    Rendezvous all(kThreads);
    std::mutex mutex;
    std::set<std::thread::id> workers;
    threads.Run(kThreads, 1, [&](int64_t, int64_t) {
      all.Arrive();
      const std::lock_guard<std::mutex> lock(mutex);
      workers.insert(std::this_thread::get_id());
    });
    EXPECT_EQ(workers.size(), kThreads);
    EXPECT_EQ(workers.count(std::this_thread::get_id()), 1);
  }
}

TEST(RowThreadsTest, WhileTheOthersAreBusyACallerWorksAlone) {
  RowThreads threads(2);
  Rendezvous busy(3), done(3);
  std::thread first([&] {
    threads.Run(2, 1, [&](int64_t, int64_t) {
      busy.Arrive();
      done.Arrive();
    });
  });
  busy.Arrive();
  std::set<std::thread::id> workers;
  int64_t rows = 0;
  threads.Run(10, 3, [&](int64_t begin, int64_t end) {
    workers.insert(std::this_thread::get_id());
    rows += end - begin;
  });
  EXPECT_EQ(rows, 10);
  EXPECT_EQ(workers, std::set<std::thread::id>{std::this_thread::get_id()});
  done.Arrive();
  first.join();
}

TEST(RowThreadsTest, ManyCallersEachGetTheirOwnRowsDone) {
  RowThreads threads(3);
  std::vector<std::thread> callers;
  std::atomic<int> wrong = 0;
  for (int caller = 0; caller < 4; ++caller) {
    callers.emplace_back([&threads, &wrong, caller] {
      for (int64_t rows = 1; rows <= 300; ++rows) {
        const std::vector<int> times = WorkOf(threads, rows, 1 + caller);
        wrong += static_cast<int>(rows - std::count(times.begin(), times.end(), 1));
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(wrong, 0);
}

TEST(RowThreadsTest, EndsWithoutHavingWorked) {
  for (int repeat = 0; repeat < 50; ++repeat) RowThreads threads(3);
}

}  // namespace
}  // namespace mdn

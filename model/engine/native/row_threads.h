#ifndef MDN_MODEL_ENGINE_NATIVE_ROW_THREADS_H_
#define MDN_MODEL_ENGINE_NATIVE_ROW_THREADS_H_

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

#include "absl/functional/function_ref.h"

namespace mdn {

/// Threads that share the rows of one large batch with the thread that has it. They sleep in
/// between. Thread-safe.
class RowThreads {
 public:
  /// As many threads work together, the caller's included, or as many as the system grants. At
  /// least 1.
  explicit RowThreads(int threads);
  /// No Run may be under way.
  ~RowThreads();
  RowThreads(const RowThreads&) = delete;
  RowThreads& operator=(const RowThreads&) = delete;

  int threads() const { return 1 + static_cast<int>(helpers_.size()); }

  /// Calls work(begin, end) for parts of [0, rows) of at most `part` rows each, every row once, on
  /// the caller's thread and others, and returns when all of it is done. Where the others are busy
  /// with another Run, the caller does all the work itself. Not from within `work`.
  void Run(int64_t rows, int64_t part, absl::FunctionRef<void(int64_t, int64_t)> work);

 private:
  struct Job {
    const absl::FunctionRef<void(int64_t, int64_t)> work;
    const int64_t rows;
    const int64_t part;
    std::atomic<int64_t> next{0};
  };

  static void TakeParts(Job& job);
  void Help();

  std::mutex running_;

  std::mutex mutex_;
  std::condition_variable work_came_, helpers_left_;
  // Guarded by mutex_.
  Job* job_ = nullptr;
  int64_t jobs_ = 0;
  int helping_ = 0;
  bool stopping_ = false;

  std::vector<std::thread> helpers_;
};

}  // namespace mdn

#endif  // MDN_MODEL_ENGINE_NATIVE_ROW_THREADS_H_

#include "model/engine/native/row_threads.h"

#include <algorithm>
#include <system_error>

namespace mdn {

RowThreads::RowThreads(int threads) {
  try {
    for (int i = 1; i < threads; ++i) helpers_.emplace_back([this] { Help(); });
  } catch (const std::system_error&) {
    // The system has no more of them; those that run share the rows.
  }
}

RowThreads::~RowThreads() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
  }
  work_came_.notify_all();
  for (std::thread& helper : helpers_) helper.join();
}

void RowThreads::Run(int64_t rows, int64_t part, absl::FunctionRef<void(int64_t, int64_t)> work) {
  Job job{work, rows, part};
  const std::unique_lock<std::mutex> running(running_, std::try_to_lock);
  if (helpers_.empty() || !running.owns_lock()) return TakeParts(job);
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    job_ = &job;
    ++jobs_;
  }
  work_came_.notify_all();
  TakeParts(job);
  std::unique_lock<std::mutex> lock(mutex_);
  job_ = nullptr;
  helpers_left_.wait(lock, [this] { return helping_ == 0; });
}

void RowThreads::TakeParts(Job& job) {
  while (true) {
    const int64_t begin = job.next.fetch_add(job.part, std::memory_order_relaxed);
    if (begin >= job.rows) return;
    job.work(begin, std::min(begin + job.part, job.rows));
  }
}

void RowThreads::Help() {
  std::unique_lock<std::mutex> lock(mutex_);
  int64_t jobs_seen = 0;
  while (true) {
    work_came_.wait(lock, [&] { return stopping_ || (job_ != nullptr && jobs_ != jobs_seen); });
    if (stopping_) return;
    jobs_seen = jobs_;
    Job& job = *job_;
    ++helping_;
    lock.unlock();
    TakeParts(job);
    lock.lock();
    if (--helping_ == 0) helpers_left_.notify_one();
  }
}

}  // namespace mdn

#include "server/observability/counts.h"

#include <algorithm>
#include <mutex>
#include <numeric>
#include <thread>

namespace mdn {
namespace {

constexpr size_t kMaxParts = 128;

/// For a thread on each processor, and for some that take over or come and go.
size_t Parts() {
  static const size_t parts =
      std::clamp<size_t>(size_t{2} * std::thread::hardware_concurrency(), 4, kMaxParts);
  return parts;
}

/// The parts that no thread has to itself. Thread-safe.
class FreeParts {
 public:
  /// Lives until the last thread has ended.
  static FreeParts& Get() {
    static auto* const parts = new FreeParts;
    return *parts;
  }

  /// `none` where there is none left.
  int Take(int none) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (free_.empty()) return none;
    const int part = free_.back();
    free_.pop_back();
    return part;
  }
  void Return(int part) {
    const std::lock_guard<std::mutex> lock(mutex_);
    free_.push_back(part);
  }

 private:
  FreeParts() : free_(Parts() - 1) { std::iota(free_.rbegin(), free_.rend(), 1); }

  std::mutex mutex_;
  // Guarded by mutex_.
  std::vector<int> free_;
};

}  // namespace

Counts::Counts(int size)
    : lines_per_part_((size + kCells - 1) / kCells), lines_(Parts() * lines_per_part_) {}

void Counts::TakePart() {
  struct Taken {
    ~Taken() {
      if (part_ != kSharedPart) FreeParts::Get().Return(part_);
      part_ = kSharedPart;  // For what is still counted while the thread ends.
    }
  };
  part_ = FreeParts::Get().Take(kSharedPart);
  static thread_local const Taken taken;
}

int64_t Counts::Sum(int index) const {
  int64_t sum = 0;
  for (size_t line = index / kCells; line < lines_.size(); line += lines_per_part_) {
    sum += lines_[line].cells[index % kCells].load(std::memory_order_relaxed);
  }
  return sum;
}

}  // namespace mdn

#include "server/observability/counts.h"

#include <algorithm>
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

}  // namespace

Counts::Counts(int size)
    : lines_per_part_((size + kCells - 1) / kCells), lines_(Parts() * lines_per_part_) {}

int Counts::NextPart() {
  static std::atomic<uint32_t> next{0};
  return static_cast<int>(next.fetch_add(1, std::memory_order_relaxed) % Parts());
}

int64_t Counts::Sum(int index) const {
  int64_t sum = 0;
  for (size_t line = index / kCells; line < lines_.size(); line += lines_per_part_) {
    sum += lines_[line].cells[index % kCells].load(std::memory_order_relaxed);
  }
  return sum;
}

}  // namespace mdn

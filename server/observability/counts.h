#ifndef MDN_SERVER_OBSERVABILITY_COUNTS_H_
#define MDN_SERVER_OBSERVABILITY_COUNTS_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace mdn {

/// A few numbers that many threads add to all the time, and that are read now and then. A thread
/// adds to a part of its own, so that threads on different processors do not wait for each other's
/// cache lines, nor for the one of a locked instruction; reading sums the parts. Threads beyond the
/// parts that there are share one. Thread-safe: no lock, and no order between numbers.
class Counts {
 public:
  /// Numbers 0 to `size` - 1, all 0.
  explicit Counts(int size = 1);

  void Add(int index, int64_t amount = 1) {
    const int part = PartOfThisThread();
    std::atomic<int64_t>& cell = Cell(part, index);
    if (part == kSharedPart) {
      cell.fetch_add(amount, std::memory_order_relaxed);
    } else {
      cell.store(cell.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
    }
  }
  int64_t Sum(int index = 0) const;

 private:
  static constexpr int kCells = 16;
  // Processors fetch cache lines in pairs.
  struct alignas(128) Line {
    std::atomic<int64_t> cells[kCells] = {};
  };

  static constexpr int kSharedPart = 0, kNoPart = -1;

  /// Threads get parts as they first count something, and give them back in the end.
  static int PartOfThisThread() {
    if (part_ == kNoPart) TakePart();
    return part_;
  }
  static void TakePart();

  std::atomic<int64_t>& Cell(int part, int index) {
    return lines_[part * lines_per_part_ + index / kCells].cells[index % kCells];
  }

  static inline thread_local int part_ = kNoPart;

  const int lines_per_part_;
  std::vector<Line> lines_;
};

}  // namespace mdn

#endif  // MDN_SERVER_OBSERVABILITY_COUNTS_H_

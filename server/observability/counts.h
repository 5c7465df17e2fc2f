#ifndef MDN_SERVER_OBSERVABILITY_COUNTS_H_
#define MDN_SERVER_OBSERVABILITY_COUNTS_H_

#include <atomic>
#include <cstdint>
#include <vector>

namespace mdn {

/// A few numbers that many threads add to all the time, and that are read now and then. A thread
/// adds to a part of its own, so that threads on different processors do not wait for each other's
/// cache lines; reading sums the parts. Thread-safe: no lock, and no order between numbers.
class Counts {
 public:
  /// Numbers 0 to `size` - 1, all 0.
  explicit Counts(int size = 1);

  void Add(int index, int64_t amount = 1) {
    Cell(PartOfThisThread(), index).fetch_add(amount, std::memory_order_relaxed);
  }
  int64_t Sum(int index = 0) const;

 private:
  static constexpr int kCells = 16;
  // Processors fetch cache lines in pairs.
  struct alignas(128) Line {
    std::atomic<int64_t> cells[kCells] = {};
  };

  /// Threads get parts in turn, as they first count something.
  static int PartOfThisThread() {
    static thread_local int part = -1;
    if (part < 0) part = NextPart();
    return part;
  }
  static int NextPart();

  std::atomic<int64_t>& Cell(int part, int index) {
    return lines_[part * lines_per_part_ + index / kCells].cells[index % kCells];
  }

  const int lines_per_part_;
  std::vector<Line> lines_;
};

}  // namespace mdn

#endif  // MDN_SERVER_OBSERVABILITY_COUNTS_H_

#ifndef MDN_SERVER_BATCHING_ROW_PACE_H_
#define MDN_SERVER_BATCHING_ROW_PACE_H_

#include <chrono>
#include <cstdint>
#include <optional>

namespace mdn {

/// How long rows take, learnt from those that have been evaluated. Every batch makes what came
/// before it count an eighth less, and batches count by their rows. One that took more than twice
/// what was expected counts as twice: mostly its thread stood still, and what takes longer from now
/// on is known after some batches all the same. Thread-compatible.
class RowPace {
 public:
  void Record(int64_t rows, std::chrono::nanoseconds time);

  /// Nothing while no batch has been recorded.
  std::optional<std::chrono::nanoseconds> TimeFor(int64_t rows) const;

  /// `most` while no batch has been recorded, and never more.
  int64_t RowsWithin(std::chrono::nanoseconds time, int64_t most) const;

 private:
  double rows_ = 0;
  double nanoseconds_ = 0;
};

}  // namespace mdn

#endif  // MDN_SERVER_BATCHING_ROW_PACE_H_

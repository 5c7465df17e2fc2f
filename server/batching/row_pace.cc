#include "server/batching/row_pace.h"

#include <algorithm>
#include <limits>

namespace mdn {
namespace {

constexpr double kKept = 7.0 / 8;
constexpr double kMostSlower = 2;

}  // namespace

void RowPace::Record(int64_t rows, std::chrono::nanoseconds time) {
  const auto more_rows = static_cast<double>(rows);
  const double most = nanoseconds_ == 0 ? std::numeric_limits<double>::infinity()
                                        : kMostSlower * more_rows * nanoseconds_ / rows_;
  rows_ = kKept * rows_ + more_rows;
  nanoseconds_ = kKept * nanoseconds_ + std::min(static_cast<double>(time.count()), most);
}

std::optional<std::chrono::nanoseconds> RowPace::TimeFor(int64_t rows) const {
  if (rows_ == 0) return std::nullopt;
  return std::chrono::nanoseconds(
      static_cast<int64_t>(static_cast<double>(rows) * nanoseconds_ / rows_));
}

int64_t RowPace::RowsWithin(std::chrono::nanoseconds time, int64_t most) const {
  const double row_time = rows_ * static_cast<double>(time.count());
  if (row_time >= static_cast<double>(most) * nanoseconds_) return most;
  return static_cast<int64_t>(row_time / nanoseconds_);
}

}  // namespace mdn

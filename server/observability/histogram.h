#ifndef MDN_SERVER_OBSERVABILITY_HISTOGRAM_H_
#define MDN_SERVER_OBSERVABILITY_HISTOGRAM_H_

#include <chrono>
#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "server/observability/counts.h"

namespace mdn {

/// How often values fell into which range. Thread-safe, as Counts is: a reader may see a value's
/// bucket before its sum.
class Histogram {
 public:
  /// Bucket i takes values up to bounds[i] that are above bounds[i - 1], the last one what is above
  /// all of them. `bounds` ascends and outlives the histogram.
  explicit Histogram(absl::Span<const int64_t> bounds);

  void Observe(int64_t value);
  void Observe(std::chrono::nanoseconds time) { Observe(time.count()); }

  struct Snapshot {
    /// Of each bucket, one more than there are bounds.
    std::vector<int64_t> counts;
    int64_t sum = 0;
  };
  Snapshot Read() const;
  absl::Span<const int64_t> bounds() const { return bounds_; }

 private:
  const absl::Span<const int64_t> bounds_;
  /// The buckets, then the sum of the values.
  Counts counts_;
};

/// 1, 2 and 5 times the powers of ten from 1 us to 10 s, in nanoseconds.
absl::Span<const int64_t> DurationBounds();

/// The same from 1 ms to 200 s.
absl::Span<const int64_t> LoadBounds();

/// Powers of two from 1 to 4096.
absl::Span<const int64_t> RowBounds();

}  // namespace mdn

#endif  // MDN_SERVER_OBSERVABILITY_HISTOGRAM_H_

#include "server/observability/histogram.h"

#include <algorithm>

namespace mdn {
namespace {

constexpr int64_t kMicrosecond = 1000;
constexpr int64_t kMillisecond = 1000 * kMicrosecond;
constexpr int64_t kSecond = 1000 * kMillisecond;

constexpr int64_t kDurations[] = {
    1 * kMicrosecond,   2 * kMicrosecond,   5 * kMicrosecond,   10 * kMicrosecond,
    20 * kMicrosecond,  50 * kMicrosecond,  100 * kMicrosecond, 200 * kMicrosecond,
    500 * kMicrosecond, 1 * kMillisecond,   2 * kMillisecond,   5 * kMillisecond,
    10 * kMillisecond,  20 * kMillisecond,  50 * kMillisecond,  100 * kMillisecond,
    200 * kMillisecond, 500 * kMillisecond, 1 * kSecond,        2 * kSecond,
    5 * kSecond,        10 * kSecond};

constexpr int64_t kLoads[] = {1 * kMillisecond,   2 * kMillisecond,   5 * kMillisecond,
                              10 * kMillisecond,  20 * kMillisecond,  50 * kMillisecond,
                              100 * kMillisecond, 200 * kMillisecond, 500 * kMillisecond,
                              1 * kSecond,        2 * kSecond,        5 * kSecond,
                              10 * kSecond,       20 * kSecond,       50 * kSecond,
                              100 * kSecond,      200 * kSecond};

constexpr int64_t kRows[] = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096};

}  // namespace

Histogram::Histogram(absl::Span<const int64_t> bounds)
    : bounds_(bounds), counts_(static_cast<int>(bounds.size()) + 2) {}

void Histogram::Observe(int64_t value) {
  const auto bucket = std::lower_bound(bounds_.begin(), bounds_.end(), value) - bounds_.begin();
  counts_.Add(static_cast<int>(bucket));
  counts_.Add(static_cast<int>(bounds_.size()) + 1, value);
}

Histogram::Snapshot Histogram::Read() const {
  Snapshot snapshot;
  const int buckets = static_cast<int>(bounds_.size()) + 1;
  for (int i = 0; i < buckets; ++i) snapshot.counts.push_back(counts_.Sum(i));
  snapshot.sum = counts_.Sum(buckets);
  return snapshot;
}

absl::Span<const int64_t> DurationBounds() { return kDurations; }
absl::Span<const int64_t> LoadBounds() { return kLoads; }
absl::Span<const int64_t> RowBounds() { return kRows; }

}  // namespace mdn

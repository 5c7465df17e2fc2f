#include "client/load/histogram.h"

#include <algorithm>
#include <cmath>

namespace mdn::load {
namespace {

// Durations with the same highest bit fall into this many buckets; those below twice as many
// nanoseconds have a bucket each.
constexpr int kPrecisionBits = 10;
constexpr int64_t kBucketsPerOctave = int64_t{1} << kPrecisionBits;

int Shift(int64_t value) {
  const int highest_bit = 63 - __builtin_clzll(static_cast<uint64_t>(value) | 1);
  return std::max(0, highest_bit - kPrecisionBits);
}

size_t Bucket(int64_t value) {
  const int shift = Shift(value);
  return shift * kBucketsPerOctave + (value >> shift);
}

int64_t LargestInBucket(size_t bucket) {
  if (bucket < 2 * kBucketsPerOctave) return static_cast<int64_t>(bucket);
  const int shift = static_cast<int>(bucket / kBucketsPerOctave) - 1;
  const int64_t top = static_cast<int64_t>(bucket) - shift * kBucketsPerOctave;
  return ((top + 1) << shift) - 1;
}

}  // namespace

LatencyHistogram::LatencyHistogram() : buckets_(Bucket(kLongest) + 1) {}

void LatencyHistogram::Record(int64_t nanoseconds) {
  const int64_t value = std::clamp<int64_t>(nanoseconds, 0, kLongest);
  ++buckets_[Bucket(value)];
  ++count_;
  max_ = std::max(max_, value);
  sum_ += static_cast<double>(value);
}

void LatencyHistogram::Add(const LatencyHistogram& other) {
  for (size_t i = 0; i < buckets_.size(); ++i) buckets_[i] += other.buckets_[i];
  count_ += other.count_;
  max_ = std::max(max_, other.max_);
  sum_ += other.sum_;
}

double LatencyHistogram::mean() const {
  return count_ == 0 ? 0 : sum_ / static_cast<double>(count_);
}

int64_t LatencyHistogram::Quantile(double q) const {
  if (count_ == 0) return 0;
  const auto rank = std::clamp<int64_t>(
      static_cast<int64_t>(std::ceil(q * static_cast<double>(count_))), 1, count_);
  size_t bucket = 0;
  for (int64_t seen = buckets_[0]; seen < rank; seen += buckets_[bucket]) ++bucket;
  return std::min(LargestInBucket(bucket), max_);
}

}  // namespace mdn::load

#ifndef MDN_CLIENT_LOAD_HISTOGRAM_H_
#define MDN_CLIENT_LOAD_HISTOGRAM_H_

#include <cstdint>
#include <vector>

namespace mdn::load {

/// Counts durations in nanoseconds in buckets of constant relative width, as HdrHistogram does:
/// what it tells is at most 1/1024 above what was recorded, in constant memory. Thread-compatible.
class LatencyHistogram {
 public:
  /// Above an hour; longer durations count as this one.
  static constexpr int64_t kLongest = (int64_t{1} << 42) - 1;

  LatencyHistogram();

  /// Negative durations count as 0.
  void Record(int64_t nanoseconds);
  void Add(const LatencyHistogram& other);

  int64_t count() const { return count_; }
  /// 0 if nothing was recorded, as for all that follow.
  int64_t max() const { return max_; }
  double mean() const;
  /// The least duration that at least the fraction `q`, in [0, 1], of what was recorded does not
  /// exceed.
  int64_t Quantile(double q) const;

 private:
  std::vector<int64_t> buckets_;
  int64_t count_ = 0;
  int64_t max_ = 0;
  double sum_ = 0;
};

}  // namespace mdn::load

#endif  // MDN_CLIENT_LOAD_HISTOGRAM_H_

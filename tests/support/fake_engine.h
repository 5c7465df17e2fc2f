#ifndef MDN_TESTS_SUPPORT_FAKE_ENGINE_H_
#define MDN_TESTS_SUPPORT_FAKE_ENGINE_H_

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "model/engine/engine.h"
#include "model/mixture/mixture.h"

namespace mdn {

/// An engine whose answers tell their row, and that can be stopped, broken and asked what it saw.
/// Component k of the mixture for row x has
///   pi = (k + 1) / (1 + 2 + … + K),  mu[d] = x[d mod dim_in] + k,  L = 2^-k (I + N / 2)
/// where N has ones below the diagonal if full_covariance, and is zero otherwise. Thread-safe.
class FakeEngine : public Engine {
 public:
  /// One call of Evaluate.
  struct Call {
    int64_t rows = 0;
    /// The first feature of each row.
    std::vector<float> first_features;
    /// Where x stood; not to be followed.
    const float* x = nullptr;
  };

  explicit FakeEngine(int64_t dim_in = 1, MixtureShape shape = {2, 1, false})
      : dim_in_(dim_in), shape_(shape) {}

  absl::Status Evaluate(absl::Span<const float> x, int64_t rows, Mixture& mixture) const override;
  /// Unless SetEfficientRows is called so many that batches do not depend on how long they take.
  int64_t efficient_rows() const override { return efficient_rows_; }
  int64_t dim_in() const override { return dim_in_; }
  MixtureShape shape() const override { return shape_; }
  absl::string_view name() const override { return "fake"; }

  /// Before the engine is used.
  void SetEfficientRows(int64_t rows) { efficient_rows_ = rows; }

  /// Calls of Evaluate that come from now on stop before they answer.
  void Block();
  /// Lets one of the stopped calls, or the next to come, pass.
  void ReleaseOne();
  /// Lets all calls pass again.
  void Release();
  /// Returns as soon as `calls` calls stand stopped.
  void WaitUntilBlocked(int calls = 1) const;

  /// Calls from now on return `status`; OK ends that.
  void FailWith(absl::Status status);
  /// From now on mu is not a number for rows whose first feature is this one.
  void BreakRowsThatBeginWith(float first_feature);

  /// In the order in which the calls came.
  std::vector<Call> calls() const;
  std::vector<int64_t> batch_sizes() const;
  int64_t rows_seen() const;

 private:
  void FillRow(absl::Span<const float> x, int64_t row, Mixture& mixture) const;

  const int64_t dim_in_;
  const MixtureShape shape_;
  int64_t efficient_rows_ = int64_t{1} << 20;

  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  // Guarded by mutex_.
  bool blocking_ = false;
  mutable int passes_ = 0;
  mutable int blocked_calls_ = 0;
  absl::Status failure_;
  std::vector<float> broken_features_;
  mutable std::vector<Call> calls_;
};

}  // namespace mdn

#endif  // MDN_TESTS_SUPPORT_FAKE_ENGINE_H_

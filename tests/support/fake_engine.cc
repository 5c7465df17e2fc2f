#include "tests/support/fake_engine.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace mdn {

absl::Status FakeEngine::Evaluate(absl::Span<const float> x, int64_t rows, Mixture& mixture) const {
  Call call{rows, {}, x.data()};
  for (int64_t row = 0; row < rows; ++row) call.first_features.push_back(x[row * dim_in_]);

  std::unique_lock<std::mutex> lock(mutex_);
  calls_.push_back(std::move(call));
  ++blocked_calls_;
  changed_.notify_all();
  changed_.wait(lock, [this] { return !blocking_ || passes_ > 0; });
  --blocked_calls_;
  if (blocking_) --passes_;
  if (!failure_.ok()) return failure_;
  const std::vector<float> broken = broken_features_;
  lock.unlock();

  mixture.Resize(shape_, rows);
  for (int64_t row = 0; row < rows; ++row) {
    FillRow(x.subspan(row * dim_in_, dim_in_), row, mixture);
    if (std::count(broken.begin(), broken.end(), x[row * dim_in_]) > 0) {
      mixture.mu[row * shape_.components * shape_.dims] = std::numeric_limits<float>::quiet_NaN();
    }
  }
  return absl::OkStatus();
}

void FakeEngine::FillRow(absl::Span<const float> x, int64_t row, Mixture& mixture) const {
  const auto [components, dims, full_covariance] = shape_;
  const double weights = components * (components + 1) / 2.0;
  for (int64_t k = 0; k < components; ++k) {
    const int64_t component = row * components + k;
    const float scale = std::ldexp(1.0f, -static_cast<int>(k));
    mixture.log_pi[component] = static_cast<float>(std::log((k + 1) / weights));
    for (int64_t d = 0; d < dims; ++d) {
      const int64_t at = component * dims + d;
      const double below_diagonal = full_covariance ? 0.25 * d : 0;
      mixture.mu[at] = x[d % dim_in_] + k;
      mixture.log_scale[at] = static_cast<float>(-k * std::log(2.0));
      mixture.sigma[at] = static_cast<float>(scale * std::sqrt(1 + below_diagonal));
      if (!full_covariance) continue;
      for (int64_t e = 0; e < dims; ++e) {
        mixture.scale_tril[at * dims + e] = e > d ? 0 : e == d ? scale : scale / 2;
      }
    }
  }
}

void FakeEngine::Block() {
  const std::lock_guard<std::mutex> lock(mutex_);
  blocking_ = true;
  passes_ = 0;
}

void FakeEngine::ReleaseOne() {
  const std::lock_guard<std::mutex> lock(mutex_);
  ++passes_;
  changed_.notify_all();
}

void FakeEngine::Release() {
  const std::lock_guard<std::mutex> lock(mutex_);
  blocking_ = false;
  changed_.notify_all();
}

void FakeEngine::WaitUntilBlocked(int calls) const {
  std::unique_lock<std::mutex> lock(mutex_);
  changed_.wait(lock, [&] { return blocking_ && blocked_calls_ - passes_ >= calls; });
}

void FakeEngine::FailWith(absl::Status status) {
  const std::lock_guard<std::mutex> lock(mutex_);
  failure_ = std::move(status);
}

void FakeEngine::BreakRowsThatBeginWith(float first_feature) {
  const std::lock_guard<std::mutex> lock(mutex_);
  broken_features_.push_back(first_feature);
}

std::vector<FakeEngine::Call> FakeEngine::calls() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return calls_;
}

std::vector<int64_t> FakeEngine::batch_sizes() const {
  std::vector<int64_t> sizes;
  for (const Call& call : calls()) sizes.push_back(call.rows);
  return sizes;
}

int64_t FakeEngine::rows_seen() const {
  int64_t rows = 0;
  for (const int64_t size : batch_sizes()) rows += size;
  return rows;
}

}  // namespace mdn

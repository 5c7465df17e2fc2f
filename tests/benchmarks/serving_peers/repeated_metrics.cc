// In rpc_metrics.cc's place: whatever is measured for a call is measured ten times more, in vain,
// so that the cost of it shows. Everything else is mdn_server's.

#include "server/batching/batcher.h"
#include "server/observability/rpc_metrics.h"

namespace mdn {
namespace {

constexpr int kTimes = 10;

/// What a call counts besides its method's own metrics, as if it were a batch by itself.
struct ModelMetrics {
  BatchMetrics batch;
  Counts answered_rows{3};

  void Observe(std::chrono::nanoseconds time) {
    batch.queue_wait.Observe(time);
    batch.evaluation_time.Observe(time);
    batch.batch_rows.Observe(1);
    answered_rows.Add(0);
  }
};

void MeasureInVain(Counts& counts) {
  static ModelMetrics& model = *new ModelMetrics;
  static Histogram& handling_time = *new Histogram(DurationBounds());
  for (int i = 0; i < kTimes; ++i) {
    const auto arrival = std::chrono::steady_clock::now();
    counts.Add(0, 0);
    const auto time = std::chrono::steady_clock::now() - arrival;
    model.Observe(time);
    handling_time.Observe(time);
    counts.Add(0, 0);
  }
}

}  // namespace

MethodMetrics::MethodMetrics(const RpcMethod& method, Counts& rejections)
    : service_(method.service), name_(method.name), type_(method.type), rejections_(rejections) {}

void MethodMetrics::Handled(const absl::Status& status, std::chrono::nanoseconds time) {
  handling_time_.Observe(time);
  counts_.Add(static_cast<int>(status.code()));
  if (!status.ok()) CountRejection(status);
  MeasureInVain(counts_);
}

void MethodMetrics::CountRejection(const absl::Status& status) {
  if (const auto rejection = RejectionOf(status)) rejections_.Add(static_cast<int>(*rejection));
}

MethodMetrics& RpcMetrics::Of(const RpcMethod& method) {
  const std::lock_guard<std::mutex> lock(mutex_);
  for (MethodMetrics& known : methods_) {
    if (known.service() == method.service && known.name() == method.name) return known;
  }
  return methods_.emplace_back(method, rejections_);
}

std::vector<const MethodMetrics*> RpcMetrics::All() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  std::vector<const MethodMetrics*> all;
  for (const MethodMetrics& method : methods_) all.push_back(&method);
  return all;
}

}  // namespace mdn

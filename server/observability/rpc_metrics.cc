#include "server/observability/rpc_metrics.h"

namespace mdn {

MethodMetrics::MethodMetrics(const RpcMethod& method, Counts& rejections)
    : service_(method.service), name_(method.name), type_(method.type), rejections_(rejections) {}

void MethodMetrics::Handled(const absl::Status& status, std::chrono::nanoseconds time) {
  handling_time_.Observe(time);
  counts_.Add(static_cast<int>(status.code()));
  if (status.ok()) return;
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

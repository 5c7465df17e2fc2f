#ifndef MDN_SERVER_OBSERVABILITY_RPC_METRICS_H_
#define MDN_SERVER_OBSERVABILITY_RPC_METRICS_H_

#include <chrono>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "server/observability/counts.h"
#include "server/observability/histogram.h"
#include "server/observability/rejection.h"

namespace mdn {

/// OK to UNAUTHENTICATED, as gRPC and Abseil number them.
constexpr int kStatusCodes = 17;

/// A method as the metrics of gRPC servers name it.
struct RpcMethod {
  /// With its package: "mdn.v1.MdnService".
  absl::string_view service;
  absl::string_view name;
  /// "unary", "server_stream", "client_stream" or "bidi_stream".
  absl::string_view type = "unary";
};

/// What becomes of the calls of one method. Every call that arrives is Started once and Handled
/// once, however it ends. Thread-safe.
class MethodMetrics {
 public:
  /// `rejections` counts by Rejection; it outlives the metrics.
  MethodMetrics(const RpcMethod& method, Counts& rejections);

  void Started() { counts_.Add(kStarted); }
  /// `time`: since it arrived.
  void Handled(const absl::Status& status, std::chrono::nanoseconds time);

  const std::string& service() const { return service_; }
  const std::string& name() const { return name_; }
  const std::string& type() const { return type_; }
  int64_t started() const { return counts_.Sum(kStarted); }
  int64_t handled(absl::StatusCode code) const { return counts_.Sum(static_cast<int>(code)); }
  const Histogram& handling_time() const { return handling_time_; }

 private:
  static constexpr int kStarted = kStatusCodes;

  const std::string service_, name_, type_;
  Counts& rejections_;
  /// The calls handled by code, then those started.
  Counts counts_{kStatusCodes + 1};
  Histogram handling_time_{DurationBounds()};
};

/// The calls of a server's methods. Thread-safe.
class RpcMetrics {
 public:
  /// The metrics of a method, made when they are first asked for; they live as long as this does.
  MethodMetrics& Of(const RpcMethod& method);

  /// In the order in which they were made.
  std::vector<const MethodMetrics*> All() const;
  int64_t rejected(Rejection rejection) const {
    return rejections_.Sum(static_cast<int>(rejection));
  }

 private:
  Counts rejections_{kRejections};
  mutable std::mutex mutex_;
  // Guarded by mutex_.
  std::deque<MethodMetrics> methods_;
};

}  // namespace mdn

#endif  // MDN_SERVER_OBSERVABILITY_RPC_METRICS_H_

#ifndef MDN_SERVER_MONITORING_H_
#define MDN_SERVER_MONITORING_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "server/observability/http_listener.h"
#include "server/observability/load_metrics.h"
#include "server/repository/model_repository.h"
#include "server/security/security.h"
#include "server/server.h"

namespace mdn {

/// What there is to watch; it outlives the monitoring.
struct Monitored {
  const Server& server;
  const ModelRepository& repository;
  const LoadMetrics& loads;
  const Security& security;
  /// Of the program.
  std::string version;
};

/// Answers over HTTP on `address`, HOST:PORT, without encryption and to whoever asks:
///   /metrics   what Prometheus scrapes
///   /healthz   200: the process lives
///   /readyz    200 where health says SERVING of the server as a whole, else 503
/// UNAVAILABLE: the address cannot be had.
absl::StatusOr<std::unique_ptr<HttpListener>> StartMonitoring(const std::string& address,
                                                              Monitored monitored);

}  // namespace mdn

#endif  // MDN_SERVER_MONITORING_H_

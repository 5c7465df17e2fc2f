#ifndef MDN_SERVER_OBSERVABILITY_SERVER_METRICS_H_
#define MDN_SERVER_OBSERVABILITY_SERVER_METRICS_H_

#include "server/connections/open_connections.h"
#include "server/observability/exposition.h"
#include "server/observability/load_metrics.h"
#include "server/observability/rpc_metrics.h"
#include "server/repository/model_repository.h"

// What a scrape shows of the server. Series of a model's version are there while it takes traffic.

namespace mdn {

/// grpc_server_*, mdn_inflight_requests and mdn_rejected_total.
void AddRpcMetrics(const RpcMetrics& metrics, Exposition& exposition);

/// mdn_connections*.
void AddConnectionMetrics(const OpenConnections& connections, Exposition& exposition);

/// Of each model that takes traffic, and of the repository.
void AddModelMetrics(const ServedModels& models, Exposition& exposition);

/// mdn_model_load_seconds and mdn_reload_total.
void AddLoadMetrics(const LoadMetrics& metrics, Exposition& exposition);

}  // namespace mdn

#endif  // MDN_SERVER_OBSERVABILITY_SERVER_METRICS_H_

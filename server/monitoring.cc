#include "server/monitoring.h"

#include <grpcpp/grpcpp.h>

#include <utility>

#include "server/observability/exposition.h"
#include "server/observability/server_metrics.h"

namespace mdn {
namespace {

constexpr char kMetricsType[] = "text/plain; version=0.0.4; charset=utf-8";

std::string MetricsText(const Monitored& monitored) {
  Exposition exposition;
  exposition.Begin(Exposition::Type::Gauge, "mdn_build_info", "What was built; always 1.");
  exposition.Add(
      {{"version", monitored.version}, {"grpc", grpc::Version()}, {"compiler", __VERSION__}}, 1);
  AddRpcMetrics(monitored.server.rpc_metrics(), exposition);
  AddConnectionMetrics(monitored.server.connections(), exposition);
  AddModelMetrics(*monitored.repository.Snapshot(), exposition);
  AddLoadMetrics(monitored.loads, exposition);
  AddProcessMetrics(exposition);
  return exposition.Text();
}

}  // namespace

absl::StatusOr<std::unique_ptr<HttpListener>> StartMonitoring(const std::string& address,
                                                              Monitored monitored) {
  HttpListener::Pages pages;
  pages["/metrics"] = [monitored] {
    return HttpListener::Page{200, kMetricsType, MetricsText(monitored)};
  };
  pages["/healthz"] = [] { return HttpListener::Page{200, "text/plain", "ok\n"}; };
  pages["/readyz"] = [&server = monitored.server] {
    return server.IsServing() ? HttpListener::Page{200, "text/plain", "ready\n"}
                              : HttpListener::Page{503, "text/plain", "not ready\n"};
  };
  return HttpListener::Start(address, std::move(pages), {});
}

}  // namespace mdn

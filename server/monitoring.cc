#include "server/monitoring.h"

#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <utility>

#include "server/observability/exposition.h"
#include "server/observability/server_metrics.h"

namespace mdn {
namespace {

constexpr char kMetricsType[] = "text/plain; version=0.0.4; charset=utf-8";

template <class Contents>
void AddReloads(const std::string& credential, const Reloaded<Contents>* reloaded,
                Exposition& exposition) {
  if (reloaded == nullptr) return;
  const auto add = [&](const std::string& result, uint64_t count) {
    exposition.Add({{"credential", credential}, {"result", result}}, static_cast<double>(count));
  };
  add("taken", reloaded->revision());
  add("refused", reloaded->refusals());
}

void AddCredentialMetrics(const Security& security, Exposition& exposition) {
  exposition.Begin(Exposition::Type::Counter, "mdn_credential_reloads_total",
                   "Changes of the files of credentials, taken or refused.");
  AddReloads("tls", security.tls().get(), exposition);
  AddReloads("tokens", security.tokens().get(), exposition);
}

std::string MetricsText(const Monitored& monitored) {
  Exposition exposition;
  exposition.Begin(Exposition::Type::Gauge, "mdn_build_info", "What was built; always 1.");
  exposition.Add(
      {{"version", monitored.version}, {"grpc", grpc::Version()}, {"compiler", __VERSION__}}, 1);
  AddRpcMetrics(monitored.server.rpc_metrics(), exposition);
  AddConnectionMetrics(monitored.server.connections(), exposition);
  AddCredentialMetrics(monitored.security, exposition);
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

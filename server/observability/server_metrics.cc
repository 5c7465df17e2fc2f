#include "server/observability/server_metrics.h"

#include <functional>
#include <map>
#include <numeric>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

namespace mdn {
namespace {

using Type = Exposition::Type;
using Labels = Exposition::Labels;

constexpr double kNanosecond = 1e-9;
constexpr absl::string_view kEvaluatingService = "mdn.v1.MdnService";

constexpr absl::string_view kModelStates[] = {"loading", "ready", "unloading", "failed",
                                              "available"};

/// A code as gRPC's metrics name it.
absl::string_view CodeName(int code) {
  static constexpr absl::string_view kNames[kStatusCodes] = {
      "OK",       "Canceled",       "Unknown",          "InvalidArgument",   "DeadlineExceeded",
      "NotFound", "AlreadyExists",  "PermissionDenied", "ResourceExhausted", "FailedPrecondition",
      "Aborted",  "OutOfRange",     "Unimplemented",    "Internal",          "Unavailable",
      "DataLoss", "Unauthenticated"};
  return kNames[code];
}

Labels MethodLabels(const MethodMetrics& method) {
  return {{"grpc_type", method.type()},
          {"grpc_service", method.service()},
          {"grpc_method", method.name()}};
}

int64_t Handled(const MethodMetrics& method) {
  int64_t sum = 0;
  for (int code = 0; code < kStatusCodes; ++code) {
    sum += method.handled(static_cast<absl::StatusCode>(code));
  }
  return sum;
}

/// Calls of models that have begun and not ended.
int64_t InFlight(const std::vector<const MethodMetrics*>& methods) {
  int64_t in_flight = 0;
  for (const MethodMetrics* method : methods) {
    if (method->service() != kEvaluatingService) continue;
    const int64_t handled = Handled(*method);  // First: a call begins before it ends.
    in_flight += method->started() - handled;
  }
  return in_flight;
}

int64_t Count(const Histogram& histogram) {
  const std::vector<int64_t> counts = histogram.Read().counts;
  return std::accumulate(counts.begin(), counts.end(), int64_t{0});
}

using AddModel = std::function<void(const ServedModel&, const Labels&)>;

void ForEachModel(const ServedModels& models, const AddModel& add) {
  for (const auto& [name, versions] : models.models) {
    for (const auto& [version, model] : versions.ready) {
      add(*model, {{"model", name}, {"version", absl::StrCat(version)}});
    }
  }
}

void AddModelHistogram(const ServedModels& models, absl::string_view name, absl::string_view help,
                       double unit, Histogram BatchMetrics::*histogram, Exposition& exposition) {
  exposition.Begin(Type::Histogram, name, help);
  ForEachModel(models, [&](const ServedModel& model, const Labels& labels) {
    exposition.Add(labels, model.batcher().metrics().*histogram, unit);
  });
}

void AddInfo(const ServedModels& models, Exposition& exposition) {
  exposition.Begin(Type::Gauge, "mdn_model_info", "Models that take traffic; always 1.");
  ForEachModel(models, [&](const ServedModel& model, Labels labels) {
    const ModelDescription& description = model.description();
    labels.insert(labels.end(),
                  {{"sha256", description.sha256},
                   {"format", std::string(CheckpointFormatName(description.format))},
                   {"engine", std::string(model.engine().name())},
                   {"noise_type", std::string(NoiseTypeName(description.config.noise_type))}});
    exposition.Add(labels, 1);
  });
}

void AddStates(const ServedModels& models, Exposition& exposition) {
  exposition.Begin(Type::Gauge, "mdn_model_state", "The state of each known version; always 1.");
  for (const VersionStatus& status : models.statuses) {
    const auto state = static_cast<size_t>(status.state) - 1;
    exposition.Add({{"model", status.name},
                    {"version", absl::StrCat(status.version)},
                    {"state", std::string(kModelStates[state])}},
                   1);
  }
}

void AddRows(const ServedModels& models, Exposition& exposition) {
  exposition.Begin(Type::Counter, "mdn_rows_total", "Rows of x that were answered.");
  ForEachModel(models, [&](const ServedModel& model, const Labels& labels) {
    for (size_t i = 0; i < std::size(kRowPurposes); ++i) {
      Labels of_rpc = labels;
      of_rpc.emplace_back("rpc", kRowPurposes[i]);
      exposition.Add(of_rpc, static_cast<double>(model.answered_rows(static_cast<RowPurpose>(i))));
    }
  });
  exposition.Begin(Type::Gauge, "mdn_queue_rows", "Rows that wait for the model's engine.");
  ForEachModel(models, [&](const ServedModel& model, const Labels& labels) {
    exposition.Add(labels, static_cast<double>(model.batcher().queued_rows()));
  });
}

}  // namespace

void AddRpcMetrics(const RpcMetrics& metrics, Exposition& exposition) {
  const std::vector<const MethodMetrics*> methods = metrics.All();
  exposition.Begin(Type::Gauge, "mdn_inflight_requests", "Calls of models under way.");
  exposition.Add({}, static_cast<double>(InFlight(methods)));

  // Ends before beginnings, so that no scrape shows more of them.
  exposition.Begin(Type::Counter, "grpc_server_handled_total",
                   "Calls that have ended, by their status.");
  for (const MethodMetrics* method : methods) {
    for (int code = 0; code < kStatusCodes; ++code) {
      Labels labels = MethodLabels(*method);
      labels.emplace_back("grpc_code", CodeName(code));
      exposition.Add(labels,
                     static_cast<double>(method->handled(static_cast<absl::StatusCode>(code))));
    }
  }
  exposition.Begin(Type::Counter, "grpc_server_started_total", "Calls that have arrived.");
  for (const MethodMetrics* method : methods) {
    exposition.Add(MethodLabels(*method), static_cast<double>(method->started()));
  }
  exposition.Begin(Type::Histogram, "grpc_server_handling_seconds",
                   "From a call's arrival, its message read, to its answer's being sent.");
  for (const MethodMetrics* method : methods) {
    exposition.Add(MethodLabels(*method), method->handling_time(), kNanosecond);
  }
  exposition.Begin(Type::Counter, "mdn_rejected_total",
                   "Calls that were refused for want of time, room or readiness.");
  for (int i = 0; i < kRejections; ++i) {
    const auto rejection = static_cast<Rejection>(i);
    exposition.Add({{"reason", std::string(RejectionName(rejection))}},
                   static_cast<double>(metrics.rejected(rejection)));
  }
}

void AddConnectionMetrics(const OpenConnections& connections, Exposition& exposition) {
  const auto add = [&exposition](Type type, absl::string_view name, absl::string_view help,
                                 int64_t value) {
    exposition.Begin(type, name, help);
    exposition.Add({}, static_cast<double>(value));
  };
  add(Type::Gauge, "mdn_connections", "Connections that are open.", connections.open());
  add(Type::Gauge, "mdn_connections_limit", "Connections that may be open.", connections.limit());
  add(Type::Counter, "mdn_connections_accepted_total", "Connections that were taken.",
      connections.admitted());
  add(Type::Counter, "mdn_connections_refused_total",
      "Connections that were closed at once: too many were open, or too many files.",
      connections.refused());
  add(Type::Counter, "mdn_connections_aborted_total",
      "Connections that were ended because of what their peers sent: a flood of resets or frames.",
      connections.aborted());
}

void AddModelMetrics(const ServedModels& models, Exposition& exposition) {
  exposition.Begin(Type::Gauge, "mdn_ready", "1 where what was asked for is served, else 0.");
  exposition.Add({}, models.is_ready ? 1 : 0);
  exposition.Begin(Type::Gauge, "mdn_repository_readable",
                   "0 where the directory of models cannot be read, else 1.");
  exposition.Add({}, models.problem.empty() ? 1 : 0);
  AddInfo(models, exposition);
  AddStates(models, exposition);
  AddRows(models, exposition);
  AddModelHistogram(models, "mdn_queue_wait_seconds",
                    "How long a request waited until its first row was evaluated.", kNanosecond,
                    &BatchMetrics::queue_wait, exposition);
  AddModelHistogram(models, "mdn_evaluate_seconds",
                    "How long a batch took, with drawing samples and densities.", kNanosecond,
                    &BatchMetrics::evaluation_time, exposition);
  AddModelHistogram(models, "mdn_batch_rows", "Rows that were evaluated together.", 1,
                    &BatchMetrics::batch_rows, exposition);
}

void AddLoadMetrics(const LoadMetrics& metrics, Exposition& exposition) {
  const std::pair<absl::string_view, const Histogram&> results[] = {
      {"success", metrics.succeeded()}, {"failure", metrics.failed()}};
  exposition.Begin(Type::Histogram, "mdn_model_load_seconds",
                   "How long it took to make a version ready, or to refuse it.");
  for (const auto& [result, histogram] : results) {
    exposition.Add({{"result", std::string(result)}}, histogram, kNanosecond);
  }
  exposition.Begin(Type::Counter, "mdn_reload_total", "Versions that were loaded, or refused.");
  for (const auto& [result, histogram] : results) {
    exposition.Add({{"result", std::string(result)}}, static_cast<double>(Count(histogram)));
  }
}

}  // namespace mdn

#include "server/config.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <optional>

#include "absl/flags/flag.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "server/command_line.h"
#include "server/machine_limits.h"
#include "server/settings.h"

ABSL_FLAG(std::string, config, "",
          "A file of settings: a JSON object, comments allowed, whose keys are the names of these "
          "flags. Flags and the environment go before it.");
ABSL_FLAG(
    std::string, model, "",
    "The checkpoint to serve: a PyTorch .pt or .pth (state dict, training checkpoint or whole "
    "module), a .safetensors, or a TorchScript archive, whose code is run. Either this or "
    "--model_repository is required.");
ABSL_FLAG(std::vector<std::string>, listen, {"127.0.0.1:50051"},
          "Addresses to serve on, HOST:PORT or unix:PATH, repeated or separated by commas. Port 0 "
          "picks a free one.");
ABSL_FLAG(
    bool, reuse_port, false,
    "Other servers of the same user that are told so may listen on the same ports of TCP; the "
    "kernel gives each connection to one of them. Of small models a process with one thread for "
    "each processor answers more than one process with many threads.");
ABSL_FLAG(std::string, tls_cert, "",
          "A PEM file with the server's certificate and those between it and its root. Then "
          "addresses of TCP, unlike Unix sockets, are served with TLS only. It is read again when "
          "it changes, with --tls_key and --tls_client_ca.");
ABSL_FLAG(std::string, tls_key, "", "The PEM file with the private key of --tls_cert.");
ABSL_FLAG(std::string, tls_client_ca, "",
          "A PEM file of authorities. Clients then need a certificate of one of them.");
ABSL_FLAG(
    std::string, token_file, "",
    "Clients then need one of its tokens, as in 'authorization: Bearer TOKEN', for all but "
    "health. A JSON object: {\"NAME\": {\"token\": \"...\", \"roles\": [\"call\"]}}; the role "
    "administer loads and unloads models, which nobody may without. Read again when it changes.");
ABSL_FLAG(std::string, model_name, "",
          "What clients call the model; by default the file's name without its extension.");
ABSL_FLAG(
    std::string, noise_type, "",
    "What the network's outputs mean, where the checkpoint does not say: diagonal, isotropic, "
    "isotropic_across_clusters, fixed or full.");
ABSL_FLAG(double, fixed_noise_level, 0,
          "The standard deviation of a model with the noise type fixed.");
ABSL_FLAG(
    std::string, isotropic_layout, "",
    "For the noise type isotropic: tiled (what models trained by the reference implementation "
    "mean, and the default) or per_component.");
ABSL_FLAG(std::string, engine, "auto",
          "What evaluates the network: native, torch, or auto, which is torch for TorchScript and "
          "native for the rest. torch needs LibTorch to be installed.");
ABSL_FLAG(
    int64_t, max_batch_rows, mdn::Limits().max_batch_rows,
    "Rows evaluated together; large requests are evaluated in slices, of fewer rows where these "
    "would take long.");
ABSL_FLAG(
    int64_t, max_queue_rows, mdn::Limits().max_queue_rows,
    "Rows that may wait for the engine; requests beyond are refused with RESOURCE_EXHAUSTED.");
ABSL_FLAG(absl::Duration, max_batch_delay, absl::ZeroDuration(),
          "How long a batch that is not full may wait for more rows. 0 never waits, which is best "
          "for all but very large networks.");
ABSL_FLAG(int64_t, max_request_rows, mdn::Limits().max_request_rows,
          "Rows of x that one request may hold.");
ABSL_FLAG(int64_t, max_samples_per_request, mdn::Limits().max_samples_per_request,
          "Samples, or points of y, that one request may ask for over all its rows.");
ABSL_FLAG(int64_t, max_message_bytes, mdn::Limits().max_message_bytes,
          "Bytes of one request or response. gRPC clients receive 4 MiB unless told otherwise.");
ABSL_FLAG(int, max_inflight_requests, 1024,
          "Calls served at the same time; those beyond are refused with RESOURCE_EXHAUSTED.");
ABSL_FLAG(
    int, max_connections, mdn::ConnectionLimits().count,
    "Connections that may be open, fewer where the limit of open files leaves room for fewer; "
    "those beyond are closed at once.");
ABSL_FLAG(
    absl::Duration, max_connection_age, mdn::ConnectionLimits().age,
    "How long a connection may be open, give or take a tenth, before its peer is asked to make "
    "another: so callers spread over new replicas, and what has stalled comes to an end. The C++ "
    "client opens a new stream every five minutes; a stream that lives longer than this and the "
    "grace loses the answers that are still to come.");
ABSL_FLAG(
    absl::Duration, max_connection_age_grace, mdn::ConnectionLimits().age_grace,
    "How long the calls on such a connection may still take; streams too are cancelled then.");
ABSL_FLAG(
    int, threads, 0,
    "Batches evaluated at the same time. 0: as many as this process may use processors, by its "
    "affinity and its control group's limit.");
ABSL_FLAG(std::string, log_format, "text",
          "How the log is written to the standard error: text, or json, an object a line.");
ABSL_FLAG(std::string, log_level, "info",
          "What the log tells: error, warning, info or debug. While the server runs, SIGUSR1 makes "
          "it tell more and SIGUSR2 less.");
ABSL_FLAG(std::string, access_log, "off",
          "The calls of models that have a line in the log each: off, errors or all. A caller that "
          "sent no x-request-id is told the one in its line, as trailing metadata.");
ABSL_FLAG(double, access_log_sample, 1,
          "With --access_log=all: the share of the calls that succeed which are logged.");
ABSL_FLAG(std::string, metrics_listen, "",
          "Where to answer /metrics for Prometheus, /healthz and /readyz over HTTP, HOST:PORT such "
          "as 127.0.0.1:9464. Empty: nowhere. There is no encryption, and whoever asks is told.");
ABSL_FLAG(absl::Duration, lame_duck, absl::Seconds(5),
          "On SIGTERM: how long calls are still taken while health says NOT_SERVING, so that "
          "callers and balancers turn away before the drain begins. SIGINT goes without.");
ABSL_FLAG(absl::Duration, drain_timeout, absl::Seconds(20),
          "On SIGTERM, after --lame_duck, or SIGINT: how long calls in flight may take to end. "
          "Kubernetes kills 30s after SIGTERM, unless told otherwise.");

namespace mdn {
namespace {

/// What the files end with that define the settings: this one and repository_config.cc.
constexpr char kSources[] = "config.cc";

template <class T>
absl::Status OutOfRange(absl::string_view flag, T value, absl::string_view expected) {
  return absl::InvalidArgumentError(
      absl::StrCat(SettingName(flag), ": got ", value, "; expected ", expected));
}

absl::Status CheckRange(absl::string_view flag, int64_t value, int64_t least, int64_t most) {
  if (value >= least && value <= most) return absl::OkStatus();
  return OutOfRange(flag, value, absl::StrCat(least, " to ", most));
}

absl::Status CheckDuration(absl::string_view flag, absl::Duration value, absl::Duration most,
                           absl::Duration least = absl::ZeroDuration()) {
  if (value >= least && value <= most) return absl::OkStatus();
  return OutOfRange(flag, absl::FormatDuration(value),
                    absl::StrCat(absl::FormatDuration(least), " to ", absl::FormatDuration(most)));
}

bool IsHostAndPort(absl::string_view address) {
  const size_t colon = address.rfind(':');
  int port = -1;
  return colon != absl::string_view::npos && colon > 0 &&
         absl::SimpleAtoi(address.substr(colon + 1), &port) && port >= 0 && port <= 65535;
}

absl::Status CheckAddress(const std::string& address) {
  constexpr absl::string_view kUnix = "unix:";
  if (absl::StartsWith(address, kUnix) && address.size() > kUnix.size()) return absl::OkStatus();
  if (IsHostAndPort(address)) return absl::OkStatus();
  return OutOfRange("listen", absl::StrCat("'", address, "'"),
                    "HOST:PORT with a port from 0 to 65535, or unix:PATH");
}

absl::StatusOr<ConfigHints> HintsFromFlags() {
  ConfigHints hints;
  hints.origin = "the flags";
  if (const std::string name = absl::GetFlag(FLAGS_noise_type); !name.empty()) {
    hints.noise_type = ParseNoiseType(name);
    if (!hints.noise_type.has_value()) {
      return OutOfRange("noise_type", absl::StrCat("'", name, "'"),
                        "diagonal, isotropic, isotropic_across_clusters, fixed or full");
    }
  }
  if (const double level = absl::GetFlag(FLAGS_fixed_noise_level); level != 0) {
    if (!(std::isfinite(level) && level > 0)) {
      return OutOfRange("fixed_noise_level", level, "a finite number above 0");
    }
    hints.fixed_noise_level = level;
  }
  if (const std::string name = absl::GetFlag(FLAGS_isotropic_layout); !name.empty()) {
    hints.isotropic_layout = ParseIsotropicLayout(name);
    if (!hints.isotropic_layout.has_value()) {
      return OutOfRange("isotropic_layout", absl::StrCat("'", name, "'"), "tiled or per_component");
    }
  }
  return hints;
}

absl::StatusOr<Limits> LimitsFromFlags() {
  Limits limits;
  limits.max_request_rows = absl::GetFlag(FLAGS_max_request_rows);
  limits.max_samples_per_request = absl::GetFlag(FLAGS_max_samples_per_request);
  limits.max_message_bytes = absl::GetFlag(FLAGS_max_message_bytes);
  limits.max_batch_rows = absl::GetFlag(FLAGS_max_batch_rows);
  limits.max_queue_rows = absl::GetFlag(FLAGS_max_queue_rows);
  constexpr int64_t kMostRows = int64_t{1} << 30;
  for (const absl::Status& status :
       {CheckRange("max_request_rows", limits.max_request_rows, 1, kMostRows),
        CheckRange("max_samples_per_request", limits.max_samples_per_request, 1, kMostRows),
        CheckRange("max_message_bytes", limits.max_message_bytes, 4096, int64_t{1} << 30),
        CheckRange("max_batch_rows", limits.max_batch_rows, 1, 1 << 20),
        CheckRange("max_queue_rows", limits.max_queue_rows, 1, kMostRows)}) {
    if (!status.ok()) return status;
  }
  if (limits.max_queue_rows < limits.max_request_rows) {
    return absl::InvalidArgumentError(
        absl::StrCat(SettingName("max_queue_rows"), ": got ", limits.max_queue_rows,
                     "; expected at least ", SettingName("max_request_rows"), ", ",
                     limits.max_request_rows, ", since a request waits whole"));
  }
  return limits;
}

absl::StatusOr<SecurityFiles> SecurityFromFlags() {
  SecurityFiles files;
  files.tls = {absl::GetFlag(FLAGS_tls_cert), absl::GetFlag(FLAGS_tls_key),
               absl::GetFlag(FLAGS_tls_client_ca)};
  files.tokens = absl::GetFlag(FLAGS_token_file);
  if (files.tls.certificate.empty() != files.tls.key.empty()) {
    return absl::InvalidArgumentError(
        files.tls.key.empty() ? "--tls_key is missing; expected the key of --tls_cert"
                              : "--tls_cert is missing; expected the certificate of --tls_key");
  }
  if (!files.tls.client_ca.empty() && files.tls.certificate.empty()) {
    return absl::InvalidArgumentError("--tls_client_ca needs --tls_cert and --tls_key");
  }
  return files;
}

absl::Status LogFromFlags(Config& config) {
  const std::string format = absl::GetFlag(FLAGS_log_format);
  if (format != "text" && format != "json") {
    return OutOfRange("log_format", absl::StrCat("'", format, "'"), "text or json");
  }
  config.log_format = format == "json" ? LogFormat::kJson : LogFormat::kText;
  const std::string level = absl::GetFlag(FLAGS_log_level);
  const auto parsed = ParseLogLevel(level);
  if (!parsed.has_value()) {
    return OutOfRange("log_level", absl::StrCat("'", level, "'"), "error, warning, info or debug");
  }
  config.log_level = *parsed;
  const std::string calls = absl::GetFlag(FLAGS_access_log);
  if (calls != "off" && calls != "errors" && calls != "all") {
    return OutOfRange("access_log", absl::StrCat("'", calls, "'"), "off, errors or all");
  }
  config.access_log = calls == "all"      ? LoggedCalls::kAll
                      : calls == "errors" ? LoggedCalls::kErrors
                                          : LoggedCalls::kNone;
  config.access_log_sample = absl::GetFlag(FLAGS_access_log_sample);
  if (!(config.access_log_sample >= 0 && config.access_log_sample <= 1)) {
    return OutOfRange("access_log_sample", config.access_log_sample, "0 to 1");
  }
  return absl::OkStatus();
}

absl::Status CheckRest(const Config& config) {
  const bool has_repository = !config.repository.directory.empty();
  if (config.model_path.empty() && !has_repository) {
    return absl::InvalidArgumentError(
        "--model is missing; expected the checkpoint to serve, or --model_repository");
  }
  if (!config.model_path.empty() && has_repository) {
    return absl::InvalidArgumentError(
        "--model and --model_repository are both given; expected one of the two");
  }
  if (has_repository && !config.model_name.empty()) {
    return absl::InvalidArgumentError(
        "--model_name is for --model; the models of --model_repository have their directories' "
        "names, and --default_model names the one for requests that name none");
  }
  if (config.engine != "auto" && config.engine != "native" && config.engine != "torch") {
    return OutOfRange("engine", absl::StrCat("'", config.engine, "'"), "auto, native or torch");
  }
  if (config.listen.empty()) return OutOfRange("listen", "nothing", "at least one address");
  for (const std::string& address : config.listen) {
    if (absl::Status status = CheckAddress(address); !status.ok()) return status;
  }
  if (!config.metrics_listen.empty() && !IsHostAndPort(config.metrics_listen)) {
    return OutOfRange("metrics_listen", absl::StrCat("'", config.metrics_listen, "'"),
                      "HOST:PORT with a port from 0 to 65535, or nothing");
  }
  for (const absl::Status& status :
       {CheckRange("threads", config.threads, 1, 1024),
        CheckRange("max_inflight_requests", config.max_inflight_requests, 1, 1 << 20),
        CheckRange("max_connections", config.connections.count, 1, 1 << 20),
        CheckDuration("max_connection_age", config.connections.age, absl::Hours(24),
                      absl::Seconds(1)),
        CheckDuration("max_connection_age_grace", config.connections.age_grace, absl::Hours(24)),
        CheckDuration("max_batch_delay", config.max_batch_delay, absl::Seconds(10)),
        CheckDuration("lame_duck", config.lame_duck, absl::Hours(1)),
        CheckDuration("drain_timeout", config.drain_timeout, absl::Hours(24))}) {
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ReadSettings(const std::vector<std::string>& environment) {
  if (absl::Status status = SetFromEnvironment(environment, kSources); !status.ok()) return status;
  const std::string file = absl::GetFlag(FLAGS_config);
  return file.empty() ? absl::OkStatus() : SetFromFile(file, kSources);
}

std::string SettingsFile() { return SettingsFile(kSources); }

std::string SettingsLine() { return SettingsLine(kSources); }

absl::StatusOr<Config> ConfigFromFlags() {
  Config config;
  config.model_path = absl::GetFlag(FLAGS_model);
  absl::StatusOr<RepositoryConfig> repository = RepositoryConfigFromFlags();
  if (!repository.ok()) return repository.status();
  config.repository = *std::move(repository);
  config.model_name = absl::GetFlag(FLAGS_model_name);
  if (config.model_name.empty() && !config.model_path.empty()) {
    config.model_name = std::filesystem::path(config.model_path).stem().string();
  }
  config.engine = absl::GetFlag(FLAGS_engine);
  config.listen = absl::GetFlag(FLAGS_listen);
  if (absl::GetFlag(FLAGS_reuse_port)) config.port_use = PortUse::kShared;
  config.metrics_listen = absl::GetFlag(FLAGS_metrics_listen);
  config.max_batch_delay = absl::GetFlag(FLAGS_max_batch_delay);
  config.threads = absl::GetFlag(FLAGS_threads);
  if (config.threads == 0) config.threads = UsableCpus();
  config.max_inflight_requests = absl::GetFlag(FLAGS_max_inflight_requests);
  config.connections.count = absl::GetFlag(FLAGS_max_connections);
  config.connections.age = absl::GetFlag(FLAGS_max_connection_age);
  config.connections.age_grace = absl::GetFlag(FLAGS_max_connection_age_grace);
  config.lame_duck = absl::GetFlag(FLAGS_lame_duck);
  config.drain_timeout = absl::GetFlag(FLAGS_drain_timeout);

  absl::StatusOr<ConfigHints> hints = HintsFromFlags();
  if (!hints.ok()) return hints.status();
  config.load.flags = *std::move(hints);
  // With --model the operator named the file.
  config.load.allow_torchscript = !config.model_path.empty() || config.repository.allow_torchscript;
  absl::StatusOr<SecurityFiles> security = SecurityFromFlags();
  if (!security.ok()) return security.status();
  config.security = *std::move(security);
  absl::StatusOr<Limits> limits = LimitsFromFlags();
  if (!limits.ok()) return limits.status();
  config.limits = *limits;
  if (absl::Status status = LogFromFlags(config); !status.ok()) return status;
  if (absl::Status status = CheckRest(config); !status.ok()) return status;
  return config;
}

std::string ConfigHelp() {
  return absl::StrCat(
      "mdn_server serves a mixture density network over gRPC.\n\n"
      "  mdn_server --model=PATH [--listen=127.0.0.1:50051] [flags]\n"
      "  mdn_server --model_repository=DIR [--listen=127.0.0.1:50051] [flags]\n\n"
      "It prints 'listening on ADDRESS' for each address, with --model once it is ready, and then\n"
      "'metrics on ADDRESS' where --metrics_listen asks for it. SIGTERM,\n"
      "after --lame_duck, and SIGINT end it after the calls in flight; a second one at once.\n"
      "\nFlags:\n",
      FlagsHelp(kSources),
      "\nEach may also be set by the environment, as MDN_MAX_BATCH_ROWS=64, or in the file that\n"
      "--config names, as {\"max_batch_rows\": 64}. A flag goes before the environment, and that\n"
      "before the file. --print_config shows what comes of it, and from where.\n"
      "\nExit codes: 64 wrong usage, 65 a bad checkpoint, 66 no such file, 69 an address is "
      "taken\n"
      "or LibTorch is not installed, 70 an internal error.\n");
}

}  // namespace mdn

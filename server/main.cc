#include <signal.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "model/engine/torch_module.h"
#include "server/command_line.h"
#include "server/config.h"
#include "server/connections/gathered_writes.h"
#include "server/log/access_log.h"
#include "server/log/log.h"
#include "server/machine_limits.h"
#include "server/monitoring.h"
#include "server/repository/model_loader.h"
#include "server/repository/model_repository.h"
#include "server/security/security.h"
#include "server/server.h"
#include "server/signals.h"
#include "server/transport.h"

ABSL_FLAG(bool, help, false, "Show this text.");
ABSL_FLAG(bool, print_config, false,
          "Show the settings and where each comes from, as a file for --config.");
ABSL_FLAG(bool, version, false, "Show the version.");

namespace mdn {
namespace {

// Exit codes of sysexits.h.
constexpr int kUsage = 64;
constexpr int kBadData = 65;
constexpr int kNoInput = 66;
constexpr int kUnavailable = 69;
constexpr int kSoftware = 70;

int Fail(int code, absl::string_view message) {
  std::fprintf(stderr, "mdn_server: %.*s\n", static_cast<int>(message.size()), message.data());
  return code;
}

int LoadFailureCode(const absl::Status& status) {
  if (absl::IsNotFound(status) || absl::IsPermissionDenied(status)) return kNoInput;
  if (absl::IsFailedPrecondition(status) || absl::IsUnavailable(status)) return kUnavailable;
  return absl::IsInvalidArgument(status) ? kBadData : kSoftware;
}

void AnswerTogether(TaskList done) {
  const GatheredWrites answers;
  BatchQueue::Complete(std::move(done));
}

ModelOptions OptionsOfModels(const Config& config) {
  ModelOptions options;
  options.load = config.load;
  options.engine = config.engine;
  options.batching.max_batch_rows = config.limits.max_batch_rows;
  options.batching.max_queue_rows = config.limits.max_queue_rows;
  options.batching.max_batch_delay = absl::ToChronoMicroseconds(config.max_batch_delay);
  options.batching.concurrency = config.threads;
  options.batching.complete = AnswerTogether;
  return options;
}

Server::Options ServerOptions(const Config& config, const Security& security, const Log& log,
                              RepositoryKeeper* keeper) {
  Server::Options options;
  options.listen = config.listen;
  options.port_use = config.port_use;
  options.limits = config.limits;
  options.max_inflight_requests = config.max_inflight_requests;
  options.max_inflight_bytes = std::min(options.max_inflight_bytes, UsableMemory() / 4);
  options.connections = config.connections;
  options.pollers = config.threads;
  options.access_log =
      AccessLog(config.access_log, config.access_log_sample, config.log_format, log.field_logger());
  options.tls = security.tls();
  if (security.tokens() != nullptr) options.access = Access(security.tokens());
  options.drain_timeout = config.drain_timeout;
  options.keeper = keeper;
  options.open_administration = config.repository.allow_administration;
  return options;
}

void LogModel(const ServedModel& model) {
  const ModelDescription& description = model.description();
  const ModelConfig& config = description.config;
  spdlog::info("model '{}': {} in, {} out, {} components, {} noise, {} checkpoint, {} engine",
               description.name, config.dim_in, config.dim_out, config.n_components,
               std::string(NoiseTypeName(config.noise_type)),
               std::string(CheckpointFormatName(description.format)),
               std::string(model.engine().name()));
}

/// Says so whatever the level is or was.
void SetLogLevel(spdlog::level::level_enum level) {
  const spdlog::string_view_t name = spdlog::level::to_string_view(level);
  spdlog::set_level(spdlog::level::info);
  spdlog::info("the log level is {} now", std::string(name.data(), name.size()));
  spdlog::set_level(level);
}

RepositoryKeeper::Options KeeperOptions(const Config& config, LoadMetrics& loads) {
  const RepositoryConfig& repository = config.repository;
  RepositoryKeeper::Options options;
  options.directory = repository.directory;
  options.mode = repository.mode;
  options.initial_models = repository.load_models;
  options.default_model = repository.default_model;
  options.strict_readiness = repository.strict_readiness;
  if (repository.mode == RepositoryMode::kWatch) {
    options.timing.settle = absl::ToChronoNanoseconds(repository.settle);
  }
  options.poll_interval = absl::ToChronoNanoseconds(repository.poll_interval);
  options.load = [directory = repository.directory, models = OptionsOfModels(config)](
                     const std::string& name, int64_t version, const std::string& fingerprint) {
    return LoadVersion(VersionDirectory(directory, name, version), fingerprint, name, version,
                       models);
  };
  options.on_load = [&loads](const LoadReport& load) { loads.Record(load.status, load.took); };
  return options;
}

/// What is served: one model, ready when this returns, or a directory of them. `loads` outlives it.
absl::StatusOr<std::unique_ptr<RepositoryKeeper>> BeginServing(const Config& config,
                                                               ModelRepository& repository,
                                                               LoadMetrics& loads) {
  if (!config.repository.directory.empty()) {
    return RepositoryKeeper::Start(KeeperOptions(config, loads), repository);
  }
  const SteadyTime begin = std::chrono::steady_clock::now();
  auto model = LoadModel(config.model_path, config.model_name, 1, OptionsOfModels(config));
  if (!model.ok()) return model.status();
  loads.Record(model.status(), std::chrono::steady_clock::now() - begin);
  LogModel(**model);
  repository.Add(*std::move(model));
  return nullptr;
}

/// nullptr where nobody asked for it.
absl::StatusOr<std::unique_ptr<HttpListener>> StartMonitoring(const Config& config,
                                                              Monitored monitored) {
  if (config.metrics_listen.empty()) return nullptr;
  return StartMonitoring(config.metrics_listen, std::move(monitored));
}

/// Says what anybody in the network may read or do.
void WarnOfOpenDoors(const Config& config) {
  for (const std::string& address : config.listen) {
    if (IsLocal(address)) continue;
    if (config.security.tls.certificate.empty()) {
      spdlog::warn("{} is served without TLS: its network can read and change what is sent{}",
                   address, config.security.tokens.empty() ? "" : ", tokens too");
    }
    if (config.security.tokens.empty() && config.security.tls.client_ca.empty()) {
      spdlog::warn("{} is open to everybody who reaches it: see --token_file and --tls_client_ca",
                   address);
    }
  }
  if (!config.metrics_listen.empty() && !IsLocal(config.metrics_listen)) {
    spdlog::warn("metrics on {} are open to everybody who reaches it", config.metrics_listen);
  }
}

/// Callers that ask for its health have time to turn to another server before this one refuses
/// them.
void EnterLameDuck(Server& server, absl::Duration time, int signal) {
  spdlog::info("{}: not serving any more{}", strsignal(signal),
               time > absl::ZeroDuration()
                   ? absl::StrCat("; calls are taken for another ", absl::FormatDuration(time))
                   : "");
  server.StopServing();
  absl::SleepFor(time);
}

int Serve(const Config& config) {
  KeepOpenBlasSingleThreaded();
  static Signals& signals = *new Signals;
  const Log log(config.log_format, config.log_level);
  signals.React(SIGHUP, [] {});
  signals.React(SIGUSR1, [] { SetLogLevel(MoreVerbose(spdlog::get_level())); });
  signals.React(SIGUSR2, [] { SetLogLevel(LessVerbose(spdlog::get_level())); });
  RouteLibraryLogs();
  RaiseOpenFileLimit();
  StopDeadlockDetection();

  absl::StatusOr<std::unique_ptr<Security>> security = Security::Load(config.security);
  if (!security.ok()) {
    return Fail(LoadFailureCode(security.status()), security.status().message());
  }
  ModelRepository repository;
  LoadMetrics loads;
  const auto keeper = BeginServing(config, repository, loads);
  if (!keeper.ok()) return Fail(LoadFailureCode(keeper.status()), keeper.status().message());
  absl::StatusOr<std::unique_ptr<Server>> server =
      Server::Start(ServerOptions(config, **security, log, keeper->get()), repository);
  if (!server.ok()) return Fail(kUnavailable, server.status().message());
  const auto monitoring =
      StartMonitoring(config, {**server, repository, loads, **security, MDN_VERSION});
  if (!monitoring.ok()) return Fail(kUnavailable, monitoring.status().message());
  spdlog::info("settings: {}", SettingsLine());
  WarnOfOpenDoors(config);
  if (*keeper != nullptr) signals.React(SIGHUP, [&keeper] { (*keeper)->Rescan(); });
  signals.Defer();
  for (const std::string& address : (*server)->addresses()) {
    std::printf("listening on %s\n", address.c_str());
  }
  if (*monitoring != nullptr) std::printf("metrics on %s\n", (*monitoring)->address().c_str());
  std::fflush(stdout);

  const int signal = signals.Await();
  // Who ends it from a terminal has told the clients, or waits.
  EnterLameDuck(**server, signal == SIGINT ? absl::ZeroDuration() : config.lame_duck, signal);
  spdlog::info("draining for at most {}", absl::FormatDuration(config.drain_timeout));
  signals.React(SIGHUP, [] {});
  if (*keeper != nullptr) (*keeper)->Stop();
  (*server)->Drain();
  spdlog::info("drained");
  return 0;
}

std::vector<std::string> Environment() {
  std::vector<std::string> variables;
  for (char** variable = environ; *variable != nullptr; ++variable)
    variables.emplace_back(*variable);
  return variables;
}

int Main(const std::vector<std::string>& arguments) {
  spdlog::set_default_logger(spdlog::stderr_color_mt("mdn_server"));
  absl::StatusOr<std::vector<std::string>> rest = ParseFlags(arguments);
  if (!rest.ok()) return Fail(kUsage, rest.status().message());
  if (!rest->empty()) {
    return Fail(kUsage, absl::StrCat("cannot use the argument '", rest->front(),
                                     "'; expected flags only, see --help"));
  }
  if (absl::GetFlag(FLAGS_help)) {
    std::fputs(ConfigHelp().c_str(), stdout);
    return 0;
  }
  if (absl::GetFlag(FLAGS_version)) {
    std::puts("mdn_server " MDN_VERSION);
    return 0;
  }
  if (absl::Status status = ReadSettings(Environment()); !status.ok()) {
    return Fail(kUsage, status.message());
  }
  const absl::StatusOr<Config> config = ConfigFromFlags();
  if (!config.ok()) return Fail(kUsage, config.status().message());
  if (absl::GetFlag(FLAGS_print_config)) {
    std::fputs(SettingsFile().c_str(), stdout);
    return 0;
  }
  return Serve(*config);
}

}  // namespace
}  // namespace mdn

int main(int argc, char** argv) {
  return mdn::Main(std::vector<std::string>(argv + 1, argv + argc));
}

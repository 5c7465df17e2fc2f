#ifndef MDN_SERVER_CONFIG_H_
#define MDN_SERVER_CONFIG_H_

#include <chrono>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "model/checkpoint/checkpoint.h"
#include "server/connections/listening_socket.h"
#include "server/limits.h"
#include "server/log/access_log.h"
#include "server/log/log.h"
#include "server/repository_config.h"
#include "server/security/security.h"

namespace mdn {

/// Everything that the operator decides. Checked: whatever a Config holds can be used as it is.
struct Config {
  /// Empty where there is a model repository.
  std::string model_path;
  std::string model_name;
  /// "auto", "native" or "torch".
  std::string engine;
  RepositoryConfig repository;
  /// HOST:PORT or unix:PATH each; at least one.
  std::vector<std::string> listen;
  PortUse port_use = PortUse::kAlone;
  /// HOST:PORT; empty: no monitoring.
  std::string metrics_listen;
  LoadOptions load;
  SecurityFiles security;
  LogFormat log_format = LogFormat::kText;
  spdlog::level::level_enum log_level = spdlog::level::info;
  LoggedCalls access_log = LoggedCalls::kNone;
  /// Of the calls that succeed; 0 to 1.
  double access_log_sample = 1;
  Limits limits;
  absl::Duration max_batch_delay;
  /// Batches evaluated at the same time; at least 1.
  int threads = 1;
  int max_inflight_requests = 1;
  ConnectionLimits connections;
  absl::Duration lame_duck;
  absl::Duration drain_timeout;
};

/// Sets what the command line left: from the environment, NAME=value each, then from the file of
/// --config. To be called after ParseFlags. INVALID_ARGUMENT: see settings.h.
absl::Status ReadSettings(const std::vector<std::string>& environment);

/// What the flags are set to, and by whom, as a file for --config, and in one line.
std::string SettingsFile();
std::string SettingsLine();

/// The flags' present values. INVALID_ARGUMENT names the setting as it was written, its value and
/// what was expected.
absl::StatusOr<Config> ConfigFromFlags();

/// The text of --help.
std::string ConfigHelp();

}  // namespace mdn

#endif  // MDN_SERVER_CONFIG_H_

#include "server/repository_config.h"

#include <utility>

#include "absl/flags/flag.h"
#include "absl/strings/str_cat.h"
#include "server/settings.h"

ABSL_FLAG(std::string, model_repository, "",
          "Instead of --model: a directory of models, DIR/NAME/VERSION/ with model.safetensors, "
          "model.pt or model.ts, and model.json. VERSION is a number from 1. Which versions are "
          "served DIR/NAME/model_policy.json says, the newest one otherwise.");
ABSL_FLAG(std::string, repository_mode, "watch",
          "When --model_repository is looked at: fixed, at the start; watch, whenever it changes; "
          "explicit, at the start, and only for the models that --load_models or a call of Load "
          "names. SIGHUP has it looked at in every mode.");
ABSL_FLAG(std::vector<std::string>, load_models, {},
          "With --repository_mode=explicit: the models to load at the start, or '*' for all.");
ABSL_FLAG(std::string, default_model, "",
          "With --model_repository: which model answers requests that name none. Where there is "
          "only one it does.");
ABSL_FLAG(bool, strict_readiness, false,
          "With --model_repository: be ready, for health checks without a service, only while each "
          "model has a version that is served, and each version that a policy names is. Otherwise "
          "one model is enough once all have been tried.");
ABSL_FLAG(bool, allow_torchscript, false,
          "Accept TorchScript archives from --model_repository. Loading one runs code from it.");
ABSL_FLAG(
    bool, allow_administration, false,
    "Without --token_file: let every caller Load and Unload models "
    "(mdn.v1.ModelRepositoryService). With it those tokens may that have the role administer.");
ABSL_FLAG(absl::Duration, repository_settle, absl::Seconds(1),
          "With --repository_mode=watch: how long the files of a version must have stayed the same "
          "before it is read.");
ABSL_FLAG(absl::Duration, repository_poll_interval, absl::Seconds(5),
          "With --repository_mode=watch: how often to look at file systems that do not tell of "
          "changes, which those of other machines do not.");

namespace mdn {
namespace {

absl::StatusOr<RepositoryMode> ParseMode(const std::string& name) {
  if (name == "fixed") return RepositoryMode::kFixed;
  if (name == "watch") return RepositoryMode::kWatch;
  if (name == "explicit") return RepositoryMode::kExplicit;
  return absl::InvalidArgumentError(absl::StrCat(SettingName("repository_mode"), ": got '", name,
                                                 "'; expected fixed, watch or explicit"));
}

absl::Status CheckRange(absl::string_view flag, absl::Duration value, absl::Duration least) {
  constexpr absl::Duration kMost = absl::Hours(24);
  if (value >= least && value <= kMost) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(SettingName(flag), ": got ", absl::FormatDuration(value), "; expected ",
                   absl::FormatDuration(least), " to ", absl::FormatDuration(kMost)));
}

/// Without a directory of models, what says how to serve it would be passed over.
absl::Status CheckWithoutDirectory(const RepositoryConfig& config) {
  for (const auto& [flag, is_given] :
       {std::pair("load_models", !config.load_models.empty()),
        std::pair("default_model", !config.default_model.empty()),
        std::pair("strict_readiness", config.strict_readiness),
        std::pair("allow_administration", config.allow_administration)}) {
    if (!is_given) continue;
    return absl::InvalidArgumentError(
        absl::StrCat(SettingName(flag), ": expected it with --model_repository"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<RepositoryConfig> RepositoryConfigFromFlags() {
  RepositoryConfig config;
  config.directory = absl::GetFlag(FLAGS_model_repository);
  config.load_models = absl::GetFlag(FLAGS_load_models);
  config.default_model = absl::GetFlag(FLAGS_default_model);
  config.strict_readiness = absl::GetFlag(FLAGS_strict_readiness);
  config.allow_torchscript = absl::GetFlag(FLAGS_allow_torchscript);
  config.allow_administration = absl::GetFlag(FLAGS_allow_administration);
  config.settle = absl::GetFlag(FLAGS_repository_settle);
  config.poll_interval = absl::GetFlag(FLAGS_repository_poll_interval);
  if (config.directory.empty()) {
    if (absl::Status status = CheckWithoutDirectory(config); !status.ok()) return status;
  }
  const absl::StatusOr<RepositoryMode> mode = ParseMode(absl::GetFlag(FLAGS_repository_mode));
  if (!mode.ok()) return mode.status();
  config.mode = *mode;
  if (!config.load_models.empty() && config.mode != RepositoryMode::kExplicit) {
    return absl::InvalidArgumentError(
        absl::StrCat(SettingName("load_models"),
                     ": names models, but every one is served; expected it with "
                     "--repository_mode=explicit"));
  }
  for (const absl::Status& status :
       {CheckRange("repository_settle", config.settle, absl::ZeroDuration()),
        CheckRange("repository_poll_interval", config.poll_interval, absl::Milliseconds(10))}) {
    if (!status.ok()) return status;
  }
  return config;
}

}  // namespace mdn

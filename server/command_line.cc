#include "server/command_line.h"

#include <map>
#include <utility>

#include "absl/flags/reflection.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "server/settings.h"

namespace mdn {
namespace {

absl::Status UnknownFlag(absl::string_view name) {
  std::vector<std::string> candidates;
  for (const auto& [candidate, flag] : absl::GetAllFlags()) {
    candidates.push_back(absl::StrCat("--", candidate));
  }
  const std::string flag = absl::StrCat("--", name);
  return absl::InvalidArgumentError(
      absl::StrCat("there is no flag ", flag, NearestName(flag, candidates)));
}

/// One flag as it was written.
struct Setting {
  absl::CommandLineFlag* flag = nullptr;
  std::string value;
  bool takes_next_argument = false;
};

absl::StatusOr<Setting> ReadSetting(absl::string_view argument) {
  absl::string_view text = absl::StripPrefix(argument.substr(1), "-");
  const size_t equals = text.find('=');
  const absl::string_view name = text.substr(0, equals);
  if (absl::CommandLineFlag* flag = absl::FindCommandLineFlag(name)) {
    if (equals != absl::string_view::npos) {
      return Setting{flag, std::string(text.substr(equals + 1))};
    }
    if (flag->IsOfType<bool>()) return Setting{flag, "true"};
    return Setting{flag, "", true};
  }
  if (equals == absl::string_view::npos && absl::ConsumePrefix(&text, "no")) {
    absl::CommandLineFlag* flag = absl::FindCommandLineFlag(text);
    if (flag != nullptr && flag->IsOfType<bool>()) return Setting{flag, "false"};
  }
  return UnknownFlag(name);
}

absl::Status Apply(const std::map<absl::CommandLineFlag*, std::vector<std::string>>& settings) {
  for (const auto& [flag, values] : settings) {
    if (values.size() > 1 && !flag->IsOfType<std::vector<std::string>>()) {
      return absl::InvalidArgumentError(
          absl::StrCat("--", flag->Name(), " is given ", values.size(), " times; expected once"));
    }
    absl::Status status =
        SetOnce(*flag, absl::StrJoin(values, ","), absl::StrCat("--", flag->Name()));
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<std::string>> ParseFlags(const std::vector<std::string>& arguments) {
  ForgetSettingNames();
  std::map<absl::CommandLineFlag*, std::vector<std::string>> settings;
  std::vector<std::string> rest;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    if (argument == "--") {
      rest.insert(rest.end(), arguments.begin() + static_cast<int64_t>(i) + 1, arguments.end());
      break;
    }
    if (!absl::StartsWith(argument, "-") || argument == "-") {
      rest.push_back(argument);
      continue;
    }
    absl::StatusOr<Setting> setting = ReadSetting(argument);
    if (!setting.ok()) return setting.status();
    if (setting->takes_next_argument) {
      if (++i == arguments.size()) {
        return absl::InvalidArgumentError(
            absl::StrCat("--", setting->flag->Name(), " has no value"));
      }
      setting->value = arguments[i];
    }
    settings[setting->flag].push_back(std::move(setting->value));
  }
  if (absl::Status status = Apply(settings); !status.ok()) return status;
  return rest;
}

std::string FlagsHelp(const std::string& file_name) {
  std::map<std::string, std::string> entries;
  for (const auto& [name, flag] : absl::GetAllFlags()) {
    if (!absl::EndsWith(flag->Filename(), file_name)) continue;
    const std::string value = flag->DefaultValue();
    entries[std::string(name)] =
        absl::StrCat("  --", name, value.empty() ? "" : "=", value, "\n      ", flag->Help(), "\n");
  }
  std::string text;
  for (const auto& [name, entry] : entries) absl::StrAppend(&text, entry);
  return text;
}

}  // namespace mdn

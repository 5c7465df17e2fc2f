#include "server/settings.h"

#include <algorithm>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>
#include <regex>
#include <utility>

#include "absl/flags/reflection.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "model/checkpoint/json_text.h"
#include "model/checkpoint/printable.h"

namespace mdn {
namespace {

using nlohmann::json;

constexpr absl::string_view kPrefix = "MDN_";
constexpr absl::string_view kClientPrefix = "MDN_CLIENT_";
constexpr char kConfigFlag[] = "config";

std::map<std::string, std::string>& Names() {
  static auto& names = *new std::map<std::string, std::string>;
  return names;
}

bool IsSet(const std::string& flag) { return Names().count(flag) != 0; }

std::map<std::string, absl::CommandLineFlag*> FlagsOf(const std::string& source) {
  std::map<std::string, absl::CommandLineFlag*> flags;
  for (const auto& [name, flag] : absl::GetAllFlags()) {
    if (absl::EndsWith(flag->Filename(), source)) flags.emplace(name, flag);
  }
  return flags;
}

std::vector<std::string> Keys(const std::map<std::string, absl::CommandLineFlag*>& flags) {
  std::vector<std::string> keys;
  keys.reserve(flags.size());
  for (const auto& [key, flag] : flags) keys.push_back(key);
  return keys;
}

size_t EditDistance(absl::string_view a, absl::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i);
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = std::exchange(row[j], std::min({row[j] + 1, row[j - 1] + 1, replaced}));
    }
  }
  return row.back();
}

/// Kubernetes describes every service of the namespace to every container: one with the name
/// mdn-server by
///   MDN_SERVER_SERVICE_HOST, MDN_SERVER_SERVICE_PORT, MDN_SERVER_SERVICE_PORT_GRPC,
///   MDN_SERVER_PORT=tcp://..., MDN_SERVER_PORT_50051_TCP, MDN_SERVER_PORT_50051_TCP_ADDR
/// and so on.
bool IsServiceLink(absl::string_view name, absl::string_view value) {
  static const auto& links = *new std::regex(
      "MDN_[A-Z0-9_]+_"
      "(SERVICE_HOST=.*|SERVICE_PORT(_[A-Z0-9_]+)?=[0-9]+|PORT=(tcp|udp|sctp)://.*|"
      "PORT_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?=.*)");
  constexpr size_t kLongest = 512;
  const std::string variable = absl::StrCat(name, "=", value);
  return variable.size() <= kLongest && std::regex_match(variable, links);
}

absl::StatusOr<json> ReadSettings(const std::string& path) {
  constexpr std::streamsize kMaxBytes = 1 << 20;
  const auto failed = [&path](absl::string_view why) {
    return absl::InvalidArgumentError(absl::StrCat(SettingName(kConfigFlag), ": ", path, " ", why));
  };
  std::ifstream file(path, std::ios::binary);
  std::string text(kMaxBytes + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(file.gcount());
  if (!file.is_open() || file.bad()) return failed("cannot be read");
  if (text.size() > kMaxBytes) return failed("is larger than 1 MiB");
  absl::StatusOr<json> settings = ParseJsonObject(
      text, [](const std::string&) { return true; }, JsonComments::kIgnored);
  return settings.ok() ? settings : failed(settings.status().message());
}

/// The text that a flag takes.
absl::StatusOr<std::string> FlagText(const json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_boolean() || value.is_number()) return value.dump();
  std::vector<std::string> items;
  for (const json& item : value.is_array() ? value : json::array({value})) {
    if (!item.is_string()) {
      return absl::InvalidArgumentError(
          absl::StrCat("got ", JsonExcerpt(value),
                       "; expected a string, a number, true, false or a list of strings"));
    }
    items.push_back(item.get<std::string>());
  }
  return absl::StrJoin(items, ",");
}

/// As it stands in a file.
json FlagValue(const absl::CommandLineFlag& flag) {
  const std::string text = flag.CurrentValue();
  if (flag.IsOfType<std::vector<std::string>>()) {
    return std::vector<std::string>(absl::StrSplit(text, ',', absl::SkipEmpty()));
  }
  if (flag.IsOfType<bool>() || flag.IsOfType<int>() || flag.IsOfType<int64_t>() ||
      flag.IsOfType<double>()) {
    return json::parse(text, nullptr, /*allow_exceptions=*/false);
  }
  return text;
}

/// Paths need not be UTF-8.
std::string FlagJson(const absl::CommandLineFlag& flag) {
  return FlagValue(flag).dump(-1, ' ', false, json::error_handler_t::replace);
}

/// Abseil says that a value is illegal, not what would be legal.
std::string ExpectedValue(const absl::CommandLineFlag& flag) {
  if (flag.IsOfType<absl::Duration>()) return "a duration such as 100us, 5s or 1m30s";
  if (flag.IsOfType<bool>()) return "true or false";
  if (flag.IsOfType<int>() || flag.IsOfType<int64_t>()) return "a whole number";
  return flag.IsOfType<double>() ? "a number" : "";
}

}  // namespace

absl::Status SetOnce(absl::CommandLineFlag& flag, const std::string& value, std::string name) {
  std::string error;
  const bool first = Names().emplace(flag.Name(), name).second;
  if (!first || flag.ParseFrom(value, &error)) return absl::OkStatus();
  const std::string expected = ExpectedValue(flag);
  return absl::InvalidArgumentError(
      absl::StrCat(name, ": cannot use '", value, "'",
                   expected.empty() ? absl::StrCat(": ", absl::StripTrailingAsciiWhitespace(error))
                                    : absl::StrCat("; expected ", expected)));
}

void ForgetSettingNames() { Names().clear(); }

std::string SettingName(absl::string_view flag) {
  const auto found = Names().find(std::string(flag));
  return found == Names().end() ? absl::StrCat("--", flag) : found->second;
}

absl::Status SetFromEnvironment(const std::vector<std::string>& environment,
                                const std::string& source) {
  std::map<std::string, absl::CommandLineFlag*> by_variable;
  for (const auto& [name, flag] : FlagsOf(source)) {
    by_variable.emplace(absl::StrCat(kPrefix, absl::AsciiStrToUpper(name)), flag);
  }
  for (const std::string& variable : environment) {
    const std::pair<std::string, std::string> parts =
        absl::StrSplit(variable, absl::MaxSplits('=', 1));
    const auto& [name, value] = parts;
    if (!absl::StartsWith(name, kPrefix) || absl::StartsWith(name, kClientPrefix)) continue;
    const auto found = by_variable.find(name);
    if (found == by_variable.end()) {
      if (IsServiceLink(name, value)) continue;
      return absl::InvalidArgumentError(absl::StrCat("there is no setting ", Printable(name),
                                                     " of the environment",
                                                     NearestName(name, Keys(by_variable))));
    }
    if (absl::Status status = SetOnce(*found->second, value, name); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status SetFromFile(const std::string& path, const std::string& source) {
  const absl::StatusOr<json> settings = ReadSettings(path);
  if (!settings.ok()) return settings.status();
  auto flags = FlagsOf(source);
  flags.erase(kConfigFlag);
  for (const auto& [key, value] : settings->items()) {
    const std::string name = absl::StrCat(Printable(key), " in ", path);
    const auto flag = flags.find(key);
    if (flag == flags.end()) {
      return absl::InvalidArgumentError(
          absl::StrCat("there is no setting ", name, NearestName(key, Keys(flags))));
    }
    const absl::StatusOr<std::string> text = FlagText(value);
    if (!text.ok()) {
      return absl::InvalidArgumentError(absl::StrCat(name, ": ", text.status().message()));
    }
    if (absl::Status status = SetOnce(*flag->second, *text, name); !status.ok()) return status;
  }
  return absl::OkStatus();
}

std::string SettingsFile(const std::string& source) {
  auto flags = FlagsOf(source);
  flags.erase(kConfigFlag);
  std::string text = "{\n";
  size_t left = flags.size();
  for (const auto& [name, flag] : flags) {
    absl::StrAppend(&text, "  \"", name, "\": ", FlagJson(*flag), --left > 0 ? "," : "");
    if (IsSet(name)) absl::StrAppend(&text, "  // ", SettingName(name));
    absl::StrAppend(&text, "\n");
  }
  return text + "}\n";
}

std::string SettingsLine(const std::string& source) {
  std::vector<std::string> set;
  std::vector<std::string> defaults;
  for (const auto& [name, flag] : FlagsOf(source)) {
    const std::string value = absl::StrCat(name, "=", FlagJson(*flag));
    if (IsSet(name)) {
      set.push_back(absl::StrCat(value, " (", SettingName(name), ")"));
    } else {
      defaults.push_back(value);
    }
  }
  return absl::StrCat(absl::StrJoin(set, " "), "; defaults: ", absl::StrJoin(defaults, " "));
}

std::string NearestName(absl::string_view name, const std::vector<std::string>& candidates) {
  std::string nearest;
  size_t least = 1 + name.size() / 3;
  for (const std::string& candidate : candidates) {
    const size_t distance = EditDistance(name.substr(0, 64), candidate);
    if (distance <= least) {
      least = distance;
      nearest = candidate;
    }
  }
  return nearest.empty() ? "; --help lists them" : absl::StrCat("; did you mean ", nearest, "?");
}

}  // namespace mdn

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <limits>
#include <nlohmann/json.hpp>
#include <numeric>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "model/checkpoint/json_text.h"
#include "model/checkpoint/model_config.h"
#include "model/checkpoint/printable.h"

namespace mdn {
namespace {

using nlohmann::json;

constexpr int64_t kFormatVersion = 1;
constexpr const char* kTextKeys[] = {"noise_type", "isotropic_layout", "source"};
constexpr const char* kOtherKeys[] = {
    "format_version", "dim_in",  "dim_out", "n_components", "hidden_dim",
    "x_shift",        "x_scale", "y_shift", "y_scale",      "fixed_noise_level"};

template <size_t kCount>
bool IsOneOf(absl::string_view key, const char* const (&keys)[kCount]) {
  return std::find(std::begin(keys), std::end(keys), key) != std::end(keys);
}

bool IsConfigKey(absl::string_view key) {
  return IsOneOf(key, kTextKeys) || IsOneOf(key, kOtherKeys);
}

// Insertions, deletions and replacements that make one text of the other.
size_t EditDistance(absl::string_view a, absl::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i + 1;
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, diagonal + 1});
    }
  }
  return row.back();
}

bool IsNearly(absl::string_view key, absl::string_view known) {
  constexpr size_t kMaxDistance = 2;
  if (key.size() > known.size() + kMaxDistance) return false;
  return EditDistance(absl::AsciiStrToLower(key), known) <= kMaxDistance;
}

// Decides which keys of a configuration are ours, and notes the first that only nearly is.
class KeyCheck {
 public:
  bool IsOurs(absl::string_view key) {
    if (IsConfigKey(key)) return true;
    if (!status_.ok()) return false;
    for (const char* known : kTextKeys) Compare(key, known);
    for (const char* known : kOtherKeys) Compare(key, known);
    return false;
  }

  const absl::Status& status() const { return status_; }

 private:
  void Compare(absl::string_view key, const char* known) {
    if (!IsNearly(key, known)) return;
    status_.Update(absl::InvalidArgumentError(
        absl::StrCat("has the unknown key ", Printable(key), "; did you mean ", known, "?")));
  }

  absl::Status status_;
};

// Reads the values of a configuration; the first of a wrong type sticks.
class HintReader {
 public:
  explicit HintReader(const json& config) : config_(config) {}

  std::optional<int64_t> Integer(const char* key) {
    const json* value = Find(key);
    if (value == nullptr) return std::nullopt;
    if (value->is_number_integer() && !IsBeyondInteger(*value)) return value->get<int64_t>();
    return Refuse<int64_t>(key, *value, "an integer");
  }

  std::optional<double> Number(const char* key) {
    const json* value = Find(key);
    if (value == nullptr) return std::nullopt;
    if (value->is_number()) return value->get<double>();
    return Refuse<double>(key, *value, "a number");
  }

  std::optional<std::vector<double>> Numbers(const char* key) {
    const json* value = Find(key);
    if (value == nullptr) return std::nullopt;
    const bool numbers =
        value->is_array() && std::all_of(value->begin(), value->end(),
                                         [](const json& item) { return item.is_number(); });
    if (numbers) return value->get<std::vector<double>>();
    return Refuse<std::vector<double>>(key, *value, "a list of numbers");
  }

  std::optional<std::string> Text(const char* key) {
    const json* value = Find(key);
    if (value == nullptr) return std::nullopt;
    if (value->is_string()) return value->get<std::string>();
    return Refuse<std::string>(key, *value, "a string");
  }

  std::optional<NoiseType> Noise(const char* key) {
    const std::optional<std::string> name = Text(key);
    if (!name.has_value()) return std::nullopt;
    const std::optional<NoiseType> type = ParseNoiseType(absl::AsciiStrToLower(*name));
    if (type.has_value()) return type;
    return Refuse<NoiseType>(key, *Find(key),
                             "diagonal, isotropic, isotropic_across_clusters, fixed or full");
  }

  std::optional<IsotropicLayout> Layout(const char* key) {
    const std::optional<std::string> name = Text(key);
    if (!name.has_value()) return std::nullopt;
    const std::optional<IsotropicLayout> layout =
        ParseIsotropicLayout(absl::AsciiStrToLower(*name));
    if (layout.has_value()) return layout;
    return Refuse<IsotropicLayout>(key, *Find(key), "tiled or per_component");
  }

  void CheckVersion() {
    const std::optional<int64_t> version = Integer("format_version");
    if (version.value_or(kFormatVersion) == kFormatVersion) return;
    status_.Update(absl::InvalidArgumentError(absl::StrCat(
        "format_version is ", *version, "; this program knows version ", kFormatVersion)));
  }

  const absl::Status& status() const { return status_; }

 private:
  const json* Find(const char* key) const {
    const auto found = config_.find(key);
    return found == config_.end() || found->is_null() ? nullptr : &*found;
  }

  static bool IsBeyondInteger(const json& value) {
    return value.is_number_unsigned() &&
           value.get<uint64_t>() > static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
  }

  template <typename T>
  std::optional<T> Refuse(const char* key, const json& value, const char* expected) {
    status_.Update(absl::InvalidArgumentError(
        absl::StrCat(key, " is ", JsonExcerpt(value), ", expected ", expected)));
    return std::nullopt;
  }

  const json& config_;
  absl::Status status_;
};

absl::Status From(const std::string& origin, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat(origin, ": ", status.message()));
}

absl::StatusOr<ConfigHints> ReadHints(const json& config, const std::string& origin) {
  HintReader reader(config);
  reader.CheckVersion();
  ConfigHints hints;
  hints.origin = origin;
  hints.dim_in = reader.Integer("dim_in");
  hints.dim_out = reader.Integer("dim_out");
  hints.n_components = reader.Integer("n_components");
  hints.hidden_dim = reader.Integer("hidden_dim");
  hints.noise_type = reader.Noise("noise_type");
  hints.fixed_noise_level = reader.Number("fixed_noise_level");
  hints.isotropic_layout = reader.Layout("isotropic_layout");
  hints.x_shift = reader.Numbers("x_shift");
  hints.x_scale = reader.Numbers("x_scale");
  hints.y_shift = reader.Numbers("y_shift");
  hints.y_scale = reader.Numbers("y_scale");
  hints.source = reader.Text("source");
  if (!reader.status().ok()) return From(origin, reader.status());
  return hints;
}

absl::StatusOr<json> ParseMetadataValue(const std::string& key, const std::string& text) {
  const bool is_text = IsOneOf(key, kTextKeys);
  if (is_text && (text.empty() || text[0] != '"')) return json(text);
  absl::StatusOr<json> value = ParseJson(text, [](const std::string&) { return true; });
  if (value.ok()) return value;
  if (is_text) return json(text);
  return absl::InvalidArgumentError(absl::StrCat(key, " ", value.status().message()));
}

json ToJson(const ModelConfig& config) {
  json object = {{"format_version", kFormatVersion},
                 {"dim_in", config.dim_in},
                 {"dim_out", config.dim_out},
                 {"n_components", config.n_components},
                 {"hidden_dim", config.hidden_dim},
                 {"noise_type", std::string(NoiseTypeName(config.noise_type))}};
  if (config.noise_type == NoiseType::kFixed) {
    object["fixed_noise_level"] = config.fixed_noise_level;
  }
  if (config.noise_type == NoiseType::kIsotropic) {
    object["isotropic_layout"] = std::string(IsotropicLayoutName(config.isotropic_layout));
  }
  const std::pair<const char*, const std::vector<double>&> units[] = {
      {"x_shift", config.x_shift},
      {"x_scale", config.x_scale},
      {"y_shift", config.y_shift},
      {"y_scale", config.y_scale}};
  for (const auto& [key, values] : units) {
    if (!values.empty()) object[key] = values;
  }
  if (!config.source.empty()) object["source"] = config.source;
  return object;
}

}  // namespace

std::string ConfigJson(const ModelConfig& config) {
  return ToJson(config).dump(2, ' ', false, json::error_handler_t::replace);
}

std::map<std::string, std::string> ConfigMetadata(const ModelConfig& config) {
  const json object = ToJson(config);
  std::map<std::string, std::string> metadata;
  for (const auto& [key, value] : object.items()) {
    metadata[key] = value.dump(-1, ' ', false, json::error_handler_t::replace);
  }
  return metadata;
}

absl::StatusOr<ConfigHints> ParseConfigJson(const std::string& json_text,
                                            const std::string& origin) {
  KeyCheck keys;
  const absl::StatusOr<json> config =
      ParseJsonObject(json_text, [&keys](const std::string& key) { return keys.IsOurs(key); });
  if (!config.ok()) return From(origin, config.status());
  if (!keys.status().ok()) return From(origin, keys.status());
  return ReadHints(*config, origin);
}

absl::StatusOr<ConfigHints> ParseConfigMetadata(const std::map<std::string, std::string>& metadata,
                                                const std::string& origin) {
  KeyCheck keys;
  json config = json::object();
  for (const auto& [key, text] : metadata) {
    if (!keys.IsOurs(key)) continue;
    absl::StatusOr<json> value = ParseMetadataValue(key, text);
    if (!value.ok()) return From(origin, value.status());
    config[key] = *std::move(value);
  }
  if (!keys.status().ok()) return From(origin, keys.status());
  return ReadHints(config, origin);
}

}  // namespace mdn

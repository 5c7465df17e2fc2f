#include "server/repository/version_policy.h"

#include <nlohmann/json.hpp>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "model/checkpoint/json_text.h"
#include "model/checkpoint/printable.h"

namespace mdn {
namespace {

using nlohmann::json;

constexpr size_t kMaxVersions = 256;
constexpr size_t kMaxLabels = 64;
constexpr size_t kMaxLabelBytes = 64;

absl::Status Expected(absl::string_view key, const json& got, absl::string_view expected) {
  return absl::InvalidArgumentError(
      absl::StrCat(key, ": got ", JsonExcerpt(got), "; expected ", expected));
}

bool IsVersion(const json& value) {
  return value.is_number_integer() && value.get<uint64_t>() <= INT64_MAX &&
         value.get<int64_t>() >= 1;
}

absl::Status ReadNewest(const json& value, VersionPolicy& policy) {
  if (!IsVersion(value) || value.get<int64_t>() > static_cast<int64_t>(kMaxVersions)) {
    return Expected("newest", value, absl::StrCat("a number from 1 to ", kMaxVersions));
  }
  policy.newest = value.get<int64_t>();
  return absl::OkStatus();
}

absl::Status ReadVersions(const json& value, VersionPolicy& policy) {
  if (value == "all") {
    policy.kind = VersionPolicy::Kind::kAll;
    return absl::OkStatus();
  }
  policy.kind = VersionPolicy::Kind::kNamed;
  const std::string expected =
      absl::StrCat("\"all\", or a list of at most ", kMaxVersions, " versions");
  if (!value.is_array() || value.size() > kMaxVersions) {
    return Expected("versions", value, expected);
  }
  for (const json& version : value) {
    if (!IsVersion(version)) return Expected("versions", value, expected);
    policy.named.insert(version.get<int64_t>());
  }
  return absl::OkStatus();
}

bool IsLabel(absl::string_view label) {
  if (label.empty() || label.size() > kMaxLabelBytes) return false;
  for (const char c : label) {
    if (!absl::ascii_isalnum(static_cast<unsigned char>(c)) && c != '_' && c != '-' && c != '.') {
      return false;
    }
  }
  return true;
}

absl::Status ReadLabels(const json& value, VersionPolicy& policy) {
  if (!value.is_object() || value.size() > kMaxLabels) {
    return Expected("labels", value,
                    absl::StrCat("an object of at most ", kMaxLabels, " labels and versions"));
  }
  for (const auto& [label, version] : value.items()) {
    if (!IsLabel(label)) {
      return absl::InvalidArgumentError(
          absl::StrCat("labels: cannot use the label ", Printable(label), "; expected 1 to ",
                       kMaxLabelBytes, " letters, digits, '_', '-' or '.'"));
    }
    if (!IsVersion(version)) {
      return Expected(absl::StrCat("labels.", label), version, "a version, at least 1");
    }
    policy.labels[label] = version.get<int64_t>();
  }
  return absl::OkStatus();
}

absl::Status ReadKey(const std::string& key, const json& value, VersionPolicy& policy) {
  if (key == "newest") return ReadNewest(value, policy);
  if (key == "versions") return ReadVersions(value, policy);
  if (key == "labels") return ReadLabels(value, policy);
  return absl::InvalidArgumentError(absl::StrCat("has the unknown key ", Printable(key),
                                                 "; expected newest, versions or labels"));
}

}  // namespace

absl::StatusOr<VersionPolicy> ParseVersionPolicy(const std::string& text) {
  const absl::StatusOr<json> object =
      ParseJsonObject(text, [](const std::string& /*key*/) { return true; });
  if (!object.ok()) return object.status();
  if (object->contains("newest") && object->contains("versions")) {
    return absl::InvalidArgumentError("has both newest and versions; expected one of the two");
  }
  VersionPolicy policy;
  for (const auto& [key, value] : object->items()) {
    if (absl::Status status = ReadKey(key, value, policy); !status.ok()) return status;
  }
  return policy;
}

}  // namespace mdn

#include "server/repository/repository_scan.h"

#include <algorithm>
#include <filesystem>
#include <set>
#include <system_error>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "model/checkpoint/checkpoint_file.h"
#include "model/checkpoint/printable.h"
#include "server/repository/version_files.h"

namespace mdn {
namespace {

namespace fs = std::filesystem;

constexpr char kPolicyFile[] = "model_policy.json";
constexpr int64_t kMaxPolicyBytes = 1 << 20;
constexpr size_t kMaxNameBytes = 128;
constexpr size_t kMaxIgnored = 16;
/// Entries of one directory that are looked at.
constexpr int kMaxEntries = 65536;
/// Versions that are at hand in case that newer ones are bad.
constexpr int64_t kReserveVersions = 16;

absl::Status FromErrorCode(const std::error_code& error) {
  const std::string message = absl::StrCat("cannot be read: ", error.message());
  if (error == std::errc::no_such_file_or_directory || error == std::errc::not_a_directory) {
    return absl::NotFoundError(message);
  }
  if (error == std::errc::permission_denied) return absl::PermissionDeniedError(message);
  return absl::UnavailableError(message);
}

bool IsPassedOver(absl::string_view entry) {
  return absl::StartsWith(entry, ".") || absl::EndsWith(entry, ".tmp");
}

bool IsModelName(absl::string_view name) {
  return name.size() <= kMaxNameBytes && std::all_of(name.begin(), name.end(), [](char c) {
           return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-' ||
                  c == '.';
         });
}

/// 0: it is no version.
int64_t ParseVersion(absl::string_view entry) {
  int64_t version = 0;
  if (!std::all_of(entry.begin(), entry.end(), absl::ascii_isdigit)) return 0;
  if (absl::StartsWith(entry, "0") || !absl::SimpleAtoi(entry, &version)) return 0;
  return version;
}

void Ignore(RepositoryListing& listing, const std::string& sentence) {
  if (listing.ignored.size() < kMaxIgnored) listing.ignored.push_back(sentence);
}

/// The names of the directories in `directory`, sorted.
absl::StatusOr<std::set<std::string>> Folders(const std::string& directory) {
  std::set<std::string> names;
  std::error_code error;
  int entries = 0;
  for (fs::directory_iterator entry(directory, error);
       !error && entry != fs::directory_iterator() && ++entries <= kMaxEntries;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    std::error_code unreadable;
    if (!IsPassedOver(name) && entry->is_directory(unreadable)) names.insert(name);
  }
  if (error) return FromErrorCode(error);
  return names;
}

absl::StatusOr<VersionPolicy> ReadPolicy(const std::string& directory, bool& is_there) {
  const auto text = ReadRegularFile(absl::StrCat(directory, "/", kPolicyFile), kMaxPolicyBytes);
  is_there = !absl::IsNotFound(text.status());
  if (!is_there) return VersionPolicy();
  absl::StatusOr<VersionPolicy> policy =
      text.ok() ? ParseVersionPolicy(*text) : absl::StatusOr<VersionPolicy>(text.status());
  if (policy.ok()) return policy;
  return absl::Status(policy.status().code(),
                      absl::StrCat(kPolicyFile, ": ", policy.status().message()));
}

/// The versions that the policy may choose from.
std::set<int64_t> Considered(const std::set<int64_t>& versions, const VersionPolicy& policy) {
  std::set<int64_t> considered = policy.named;
  for (const auto& [label, version] : policy.labels) considered.insert(version);
  int64_t newest = static_cast<int64_t>(kMaxVersions);
  if (policy.kind == VersionPolicy::Kind::kNewest) newest = policy.newest + kReserveVersions;
  if (policy.kind == VersionPolicy::Kind::kNamed) newest = kReserveVersions;
  for (auto version = versions.rbegin(); version != versions.rend() && newest > 0; ++version) {
    considered.insert(*version);
    --newest;
  }
  return considered;
}

ModelListing ScanModel(const std::string& repository, const std::string& name,
                       RepositoryListing& listing) {
  const std::string directory = absl::StrCat(repository, "/", name);
  ModelListing model;
  const auto folders = Folders(directory);
  if (!folders.ok()) {
    model.policy = folders.status();
    return model;
  }
  std::set<int64_t> versions;
  for (const std::string& folder : *folders) {
    if (const int64_t version = ParseVersion(folder); version > 0) {
      versions.insert(version);
    } else {
      Ignore(listing, absl::StrCat(name, "/", Printable(folder),
                                   " is no version: expected a number from 1, without zeros "
                                   "before it"));
    }
  }
  model.policy = ReadPolicy(directory, model.has_policy_file);
  for (const int64_t version : Considered(versions, model.policy.value_or(VersionPolicy()))) {
    if (versions.count(version) == 0) continue;
    std::string fingerprint = VersionFingerprint(VersionDirectory(repository, name, version));
    if (!fingerprint.empty()) model.versions[version] = std::move(fingerprint);
  }
  return model;
}

}  // namespace

std::string VersionDirectory(const std::string& repository, const std::string& name,
                             int64_t version) {
  return absl::StrCat(repository, "/", name, "/", version);
}

absl::StatusOr<RepositoryListing> ScanRepository(const std::string& directory) {
  const auto folders = Folders(directory);
  if (!folders.ok()) return folders.status();
  RepositoryListing listing;
  for (const std::string& name : *folders) {
    if (!IsModelName(name)) {
      Ignore(listing, absl::StrCat(Printable(name), " is no model: expected a name of up to ",
                                   kMaxNameBytes, " letters, digits, '_', '-' or '.'"));
    } else if (listing.models.size() == kMaxModels) {
      Ignore(listing, absl::StrCat(name, " is one model too many: expected at most ", kMaxModels));
    } else {
      listing.models[name] = ScanModel(directory, name, listing);
    }
  }
  return listing;
}

}  // namespace mdn

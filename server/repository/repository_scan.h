#ifndef MDN_SERVER_REPOSITORY_REPOSITORY_SCAN_H_
#define MDN_SERVER_REPOSITORY_REPOSITORY_SCAN_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/repository/version_policy.h"

namespace mdn {

/// What a look at one model's directory found.
struct ModelListing {
  /// INVALID_ARGUMENT and the like: model_policy.json cannot be used.
  absl::StatusOr<VersionPolicy> policy = VersionPolicy();
  /// There is a model_policy.json.
  bool has_policy_file = false;
  /// The fingerprints of the versions that the policy may come to choose, never empty: those it
  /// names, all, or as many of the newest and some more, in case that the newest are bad.
  std::map<int64_t, std::string> versions;
};

/// What a look at the directory of models found.
struct RepositoryListing {
  std::map<std::string, ModelListing> models;
  /// Entries that look meant but are none, one sentence each; at most a few.
  std::vector<std::string> ignored;
};

/// Looks at DIR/<name>/<version>. A model's name has 1 to 128 letters, digits, '_', '-' or '.', the
/// first one no '.'; a version is written in decimal, from 1 to 2^63 - 1, without leading zeros.
/// Everything else is ignored; so is whatever begins with '.' or ends with ".tmp", without a word.
/// Symbolic links are followed. At most kMaxModels models, and of each the kMaxVersions newest
/// versions. NOT_FOUND, PERMISSION_DENIED, UNAVAILABLE: the directory cannot be read. A model whose
/// directory cannot be read has no versions, and a policy that says why.
absl::StatusOr<RepositoryListing> ScanRepository(const std::string& directory);

constexpr size_t kMaxModels = 1024;
constexpr size_t kMaxVersions = 4096;

/// Where the files of a version that was found stand.
std::string VersionDirectory(const std::string& repository, const std::string& name,
                             int64_t version);

}  // namespace mdn

#endif  // MDN_SERVER_REPOSITORY_REPOSITORY_SCAN_H_

#ifndef MDN_SERVER_REPOSITORY_VERSION_POLICY_H_
#define MDN_SERVER_REPOSITORY_VERSION_POLICY_H_

#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "absl/status/statusor.h"

namespace mdn {

/// Which versions of a model are served, and the names that requests may call them by.
struct VersionPolicy {
  enum class Kind { kNewest, kAll, kNamed };
  Kind kind = Kind::kNewest;
  /// kNewest: how many; at least 1.
  int64_t newest = 1;
  /// kNamed. None: the model is not served.
  std::set<int64_t> named;
  /// A version with a label is served, whatever else is.
  std::map<std::string, int64_t> labels;

  bool serves_nothing() const { return kind == Kind::kNamed && named.empty() && labels.empty(); }
};

/// Reads a model_policy.json:
///   {"newest": 2}  or  {"versions": "all"}  or  {"versions": [3, 5]},
/// each with "labels": {"stable": 3, "canary": 5} or without; {} is the newest one.
/// INVALID_ARGUMENT names the key, its value and what was expected.
absl::StatusOr<VersionPolicy> ParseVersionPolicy(const std::string& json);

}  // namespace mdn

#endif  // MDN_SERVER_REPOSITORY_VERSION_POLICY_H_

#ifndef MDN_SERVER_REPOSITORY_CONFIG_H_
#define MDN_SERVER_REPOSITORY_CONFIG_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/repository/repository_keeper.h"

namespace mdn {

/// What the operator decides about the directory of models. Checked.
struct RepositoryConfig {
  /// Empty: there is none.
  std::string directory;
  RepositoryMode mode = RepositoryMode::kWatch;
  /// kExplicit: "*" stands for all.
  std::vector<std::string> load_models;
  std::string default_model;
  bool strict_readiness = false;
  bool allow_torchscript = false;
  bool allow_administration = false;
  absl::Duration settle;
  absl::Duration poll_interval;
};

/// The flags' present values. INVALID_ARGUMENT names the flag, its value and what was expected.
absl::StatusOr<RepositoryConfig> RepositoryConfigFromFlags();

}  // namespace mdn

#endif  // MDN_SERVER_REPOSITORY_CONFIG_H_

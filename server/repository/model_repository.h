#ifndef MDN_SERVER_REPOSITORY_MODEL_REPOSITORY_H_
#define MDN_SERVER_REPOSITORY_MODEL_REPOSITORY_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/repository/served_model.h"

namespace mdn {

/// As in the contract.
enum class ModelState { kLoading = 1, kReady, kUnloading, kFailed, kAvailable };

/// Where one version of a model stands; version 0 stands for a model that has none.
struct VersionStatus {
  std::string name;
  int64_t version = 0;
  ModelState state = ModelState::kLoading;
  std::string reason;
  std::vector<std::string> labels;
};
bool operator==(const VersionStatus& a, const VersionStatus& b);

/// What is served at one moment. Constant once published.
struct ServedModels {
  struct Versions {
    /// Never empty.
    std::map<int64_t, std::shared_ptr<ServedModel>> ready;
    /// Each names a version that is ready.
    std::map<std::string, int64_t, std::less<>> labels;
  };

  /// Those that take traffic, by name.
  std::map<std::string, Versions, std::less<>> models;
  /// Answers requests that name no model. Empty: there is none, or more than one without a choice.
  std::string default_name;
  /// By name, then by version; also what is not ready.
  std::vector<VersionStatus> statuses;
  /// The server as a whole serves what it was asked to.
  bool is_ready = false;
  /// Why the directory of models cannot be read at present.
  std::string problem;

  /// See ModelRepository::Find.
  absl::StatusOr<std::shared_ptr<ServedModel>> Find(absl::string_view name, int64_t version,
                                                    absl::string_view label) const;
  /// Requests that name no model get this version.
  bool IsDefault(absl::string_view name, int64_t version) const;
};
bool operator==(const ServedModels& a, const ServedModels& b);

/// The models that are served, by name and version: one snapshot after another. Whoever holds a
/// model keeps it, also when it is served no more. Thread-safe.
class ModelRepository {
 public:
  /// Serves one more model, which is ready. The first one's name is the default.
  void Add(std::shared_ptr<ServedModel> model);

  /// An empty name is the default model; version 0 is the newest that is ready, or what the label
  /// names. INVALID_ARGUMENT: a negative version, both a version and a label, or no name where
  /// there is no default. NOT_FOUND names what was asked for; UNAVAILABLE: it is still loading.
  absl::StatusOr<std::shared_ptr<ServedModel>> Find(absl::string_view name, int64_t version,
                                                    absl::string_view label = {}) const;

  std::shared_ptr<const ServedModels> Snapshot() const;

  /// From now on calls find what the snapshot holds.
  void Publish(std::shared_ptr<const ServedModels> models);

  /// `listener` hears of the present snapshot at once, and of each one that follows, in order.
  /// nullptr: nobody hears any more once this has returned.
  void Listen(std::function<void(const ServedModels&)> listener);

 private:
  /// Held by whoever publishes or listens; taken before mutex_.
  std::mutex publishing_;
  /// Guarded by publishing_.
  std::function<void(const ServedModels&)> listener_;

  /// Held for no longer than a model takes to be found.
  mutable std::mutex mutex_;
  /// Guarded by mutex_.
  std::shared_ptr<const ServedModels> models_ = std::make_shared<ServedModels>();
};

}  // namespace mdn

#endif  // MDN_SERVER_REPOSITORY_MODEL_REPOSITORY_H_

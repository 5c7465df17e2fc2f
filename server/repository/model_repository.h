#ifndef MDN_SERVER_REPOSITORY_MODEL_REPOSITORY_H_
#define MDN_SERVER_REPOSITORY_MODEL_REPOSITORY_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/repository/served_model.h"

namespace mdn {

/// The models that are served, by name and version. The first one's name is the default. Filled
/// before serving starts; from then on immutable and thread-safe.
class ModelRepository {
 public:
  void Add(std::shared_ptr<ServedModel> model);

  /// An empty name is the default model; version 0 is the newest. INVALID_ARGUMENT: a negative
  /// version. NOT_FOUND names what was asked for.
  absl::StatusOr<std::shared_ptr<ServedModel>> Find(absl::string_view name, int64_t version) const;

  /// By name, then by version.
  std::vector<std::shared_ptr<ServedModel>> List() const;

 private:
  using Versions = std::map<int64_t, std::shared_ptr<ServedModel>>;
  std::string default_name_;
  std::map<std::string, Versions> models_;
};

}  // namespace mdn

#endif  // MDN_SERVER_REPOSITORY_MODEL_REPOSITORY_H_

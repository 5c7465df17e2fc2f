#include "server/repository/model_repository.h"

#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace mdn {
namespace {

constexpr size_t kShownNameBytes = 100;

/// A caller's text, safe to show and to log.
std::string Shown(absl::string_view name) {
  const bool cut = name.size() > kShownNameBytes;
  return absl::StrCat("'", absl::CHexEscape(name.substr(0, kShownNameBytes)), cut ? "…'" : "'");
}

}  // namespace

void ModelRepository::Add(std::shared_ptr<ServedModel> model) {
  const ModelDescription& description = model->description();
  if (models_.empty()) default_name_ = description.name;
  models_[description.name][description.version] = std::move(model);
}

absl::StatusOr<std::shared_ptr<ServedModel>> ModelRepository::Find(absl::string_view name,
                                                                   int64_t version) const {
  if (version < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("model.version: got ", version, "; expected a version, or 0 for the newest"));
  }
  if (name.empty()) name = default_name_;
  const auto found = models_.find(std::string(name));
  if (found == models_.end()) {
    return absl::NotFoundError(absl::StrCat("model.name: there is no model ", Shown(name)));
  }
  const Versions& versions = found->second;
  if (version == 0) return versions.rbegin()->second;
  const auto model = versions.find(version);
  if (model == versions.end()) {
    return absl::NotFoundError(absl::StrCat("model.version: model ", Shown(name),
                                            " has no version ", version, "; the newest is ",
                                            versions.rbegin()->first));
  }
  return model->second;
}

std::vector<std::shared_ptr<ServedModel>> ModelRepository::List() const {
  std::vector<std::shared_ptr<ServedModel>> all;
  for (const auto& [name, versions] : models_) {
    for (const auto& [version, model] : versions) all.push_back(model);
  }
  return all;
}

}  // namespace mdn

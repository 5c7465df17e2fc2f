#include "server/repository/model_repository.h"

#include <algorithm>
#include <tuple>
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

bool Concerns(const VersionStatus& status, absl::string_view name, int64_t version) {
  return status.name == name && (version == 0 || status.version == version);
}

/// Why no version, or not this one, of a model takes traffic.
absl::Status NotReady(const ServedModels& models, absl::string_view name, int64_t version) {
  const std::string model = absl::StrCat("model ", Shown(name));
  bool is_known = false, is_loading = false, is_refused = false;
  for (const VersionStatus& status : models.statuses) {
    is_known |= status.name == name;
    if (!Concerns(status, name, version)) continue;
    is_loading |= status.state == ModelState::kLoading;
    is_refused |= status.state == ModelState::kFailed;
  }
  if (!is_known) return absl::NotFoundError(absl::StrCat("model.name: there is no ", model));
  const std::string what = version == 0 ? model : absl::StrCat("version ", version, " of ", model);
  if (is_loading) return absl::UnavailableError(absl::StrCat(what, " is loading"));
  if (is_refused) {
    return absl::NotFoundError(absl::StrCat(what, " was refused; ListModels tells why"));
  }
  if (version == 0)
    return absl::NotFoundError(absl::StrCat("model.name: ", what, " is not served"));
  const auto served = models.models.find(name);
  return absl::NotFoundError(
      absl::StrCat("model.version: ", model, " has no version ", version,
                   served == models.models.end()
                       ? ""
                       : absl::StrCat("; the newest is ", served->second.ready.rbegin()->first)));
}

}  // namespace

bool operator==(const VersionStatus& a, const VersionStatus& b) {
  return std::tie(a.name, a.version, a.state, a.reason, a.labels) ==
         std::tie(b.name, b.version, b.state, b.reason, b.labels);
}

bool operator==(const ServedModels& a, const ServedModels& b) {
  const auto same = [](const auto& x, const auto& y) {
    return x.first == y.first && x.second.ready == y.second.ready &&
           x.second.labels == y.second.labels;
  };
  return std::equal(a.models.begin(), a.models.end(), b.models.begin(), b.models.end(), same) &&
         std::tie(a.default_name, a.statuses, a.is_ready, a.problem) ==
             std::tie(b.default_name, b.statuses, b.is_ready, b.problem);
}

absl::StatusOr<std::shared_ptr<ServedModel>> ServedModels::Find(absl::string_view name,
                                                                int64_t version,
                                                                absl::string_view label) const {
  if (version < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("model.version: got ", version, "; expected a version, or 0 for the newest"));
  }
  if (version > 0 && !label.empty()) {
    return absl::InvalidArgumentError(absl::StrCat("model.label: got ", Shown(label),
                                                   " beside version ", version,
                                                   "; expected one of the two"));
  }
  if (name.empty()) {
    if (default_name.empty() && models.empty()) return absl::UnavailableError("no model is ready");
    if (default_name.empty()) {
      return absl::InvalidArgumentError("model.name: is empty; expected one of several models");
    }
    name = default_name;
  }
  const auto found = models.find(name);
  if (found == models.end()) return NotReady(*this, name, version);
  const Versions& versions = found->second;
  if (!label.empty()) {
    const auto named = versions.labels.find(label);
    if (named == versions.labels.end()) {
      return absl::NotFoundError(
          absl::StrCat("model.label: model ", Shown(name), " has no label ", Shown(label)));
    }
    return versions.ready.at(named->second);
  }
  if (version == 0) return versions.ready.rbegin()->second;
  const auto model = versions.ready.find(version);
  if (model == versions.ready.end()) return NotReady(*this, name, version);
  return model->second;
}

bool ServedModels::IsDefault(absl::string_view name, int64_t version) const {
  if (name != default_name) return false;
  const auto found = models.find(name);
  return found != models.end() && found->second.ready.rbegin()->first == version;
}

void ModelRepository::Add(std::shared_ptr<ServedModel> model) {
  auto models = std::make_shared<ServedModels>(*Snapshot());
  const ModelDescription& description = model->description();
  if (models->models.empty()) models->default_name = description.name;
  models->models[description.name].ready[description.version] = std::move(model);
  models->statuses.clear();
  for (const auto& [name, versions] : models->models) {
    for (const auto& [version, ready] : versions.ready) {
      models->statuses.push_back({name, version, ModelState::kReady, "", {}});
    }
  }
  models->is_ready = true;
  Publish(std::move(models));
}

absl::StatusOr<std::shared_ptr<ServedModel>> ModelRepository::Find(absl::string_view name,
                                                                   int64_t version,
                                                                   absl::string_view label) const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return models_->Find(name, version, label);
}

std::shared_ptr<const ServedModels> ModelRepository::Snapshot() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return models_;
}

void ModelRepository::Publish(std::shared_ptr<const ServedModels> models) {
  const std::lock_guard<std::mutex> publishing(publishing_);
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    models_.swap(models);
  }
  if (listener_) listener_(*Snapshot());
}

void ModelRepository::Listen(std::function<void(const ServedModels&)> listener) {
  const std::lock_guard<std::mutex> publishing(publishing_);
  listener_ = std::move(listener);
  if (listener_) listener_(*Snapshot());
}

}  // namespace mdn

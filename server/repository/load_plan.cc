#include "server/repository/load_plan.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"

namespace mdn {
namespace {

/// The versions that the policy chooses, as things stand.
std::set<int64_t> Chosen(const ModelRecord& model) {
  if (!model.is_asked_for) return {};
  const VersionPolicy& policy = model.policy;
  std::set<int64_t> chosen = policy.named;
  for (const auto& [label, version] : policy.labels) chosen.insert(version);
  if (policy.kind == VersionPolicy::Kind::kNamed) return chosen;
  int64_t room = policy.kind == VersionPolicy::Kind::kNewest ? policy.newest : INT64_MAX;
  for (auto entry = model.versions.rbegin(); entry != model.versions.rend() && room > 0; ++entry) {
    const VersionRecord& version = entry->second;
    if (version.seen.empty() || (version.is_refused() && !version.is_ready())) continue;
    chosen.insert(entry->first);
    --room;
  }
  return chosen;
}

std::chrono::nanoseconds Backoff(int refusals, const LoadTiming& timing) {
  constexpr int kMaxDoublings = 30;
  const int doublings = std::clamp(refusals - 1, 0, kMaxDoublings);
  return std::min(timing.backoff_limit, timing.backoff * (int64_t{1} << doublings));
}

/// When to try a version whose files neither take traffic nor were refused.
SteadyTime Due(const VersionRecord& version, const LoadTiming& timing) {
  const SteadyTime settled = version.seen_since == SteadyTime::min()
                                 ? SteadyTime::min()
                                 : version.seen_since + timing.settle;
  if (version.refusals == 0) return settled;
  return std::max(settled, version.refused_at + Backoff(version.refusals, timing));
}

bool NeedsLoading(const VersionRecord& version) {
  return !version.seen.empty() && version.seen != version.loaded && !version.is_refused();
}

std::map<std::string, int64_t> ResolveLabels(const ModelRecord& model) {
  std::map<std::string, int64_t> resolved;
  const auto is_ready = [&model](int64_t version) {
    const auto found = model.versions.find(version);
    return found != model.versions.end() && found->second.is_ready();
  };
  for (const auto& [label, version] : model.policy.labels) {
    const auto before = model.labels.find(label);
    if (is_ready(version)) {
      resolved[label] = version;
    } else if (before != model.labels.end() && is_ready(before->second)) {
      resolved[label] = before->second;
    }
  }
  return resolved;
}

std::vector<int64_t> Unneeded(const ModelRecord& model, const std::set<int64_t>& needed) {
  std::vector<int64_t> unneeded;
  bool keeps_one = false;
  for (const auto& [number, version] : model.versions) {
    if (!version.is_ready()) continue;
    if (needed.count(number) > 0) {
      keeps_one = true;
    } else {
      unneeded.push_back(number);
    }
  }
  const bool may_lose_all = !model.is_asked_for || model.policy.serves_nothing();
  return keeps_one || may_lose_all ? unneeded : std::vector<int64_t>();
}

ModelState StateOf(const VersionRecord& version, bool is_chosen) {
  if (version.is_ready()) return ModelState::kReady;
  if (version.is_refused()) return ModelState::kFailed;
  if (!is_chosen) return ModelState::kAvailable;
  return version.seen.empty() ? ModelState::kFailed : ModelState::kLoading;
}

std::string ReasonOf(const VersionRecord& version, ModelState state) {
  if (state == ModelState::kFailed) {
    return version.seen.empty() ? "the repository does not hold it" : version.reason;
  }
  if (state != ModelState::kReady) return "";
  if (version.seen.empty()) return "its files are gone; it is served from memory";
  if (version.is_refused() && version.seen != version.loaded) {
    return absl::StrCat("its files have changed and were refused: ", version.reason);
  }
  return "";
}

void TakePolicy(const ModelListing& found, SteadyTime now, const LoadTiming& timing,
                ModelRecord& model) {
  if (model.has_policy_file && !found.has_policy_file) {
    model.policy_gone_since = std::min(model.policy_gone_since, now);
    if (now < model.policy_gone_since + timing.settle) return;
  }
  model.policy = *found.policy;
  model.has_policy_file = found.has_policy_file;
  model.policy_gone_since = SteadyTime::max();
}

}  // namespace

bool ModelRecord::is_ready() const {
  return std::any_of(versions.begin(), versions.end(),
                     [](const auto& entry) { return entry.second.is_ready(); });
}

void Observe(const ModelListing* listing, SteadyTime now, const LoadTiming& timing,
             ModelRecord& model) {
  static const ModelListing& gone = *new ModelListing;
  const ModelListing& found = listing == nullptr ? gone : *listing;
  model.policy_problem = std::string(found.policy.status().message());
  if (listing != nullptr && found.policy.ok()) {
    TakePolicy(found, now, timing, model);
  } else {
    model.policy_gone_since = SteadyTime::max();
  }
  // A look without the policy in force finds not all that it may choose.
  const bool is_partial =
      model.policy_gone_since != SteadyTime::max() || (!found.policy.ok() && found.has_policy_file);
  for (const auto& [number, fingerprint] : found.versions) model.versions[number];
  for (auto entry = model.versions.begin(); entry != model.versions.end();) {
    auto& [number, version] = *entry;
    const auto files = found.versions.find(number);
    if (is_partial && files == found.versions.end()) {
      ++entry;
      continue;
    }
    const std::string seen = files == found.versions.end() ? "" : files->second;
    if (seen != version.seen) {
      version.seen = seen;
      version.seen_since = now;
    }
    const bool is_over = seen.empty() && !version.is_ready();
    entry = is_over ? model.versions.erase(entry) : std::next(entry);
  }
}

void TryAgain(ModelRecord& model) {
  if (model.policy_gone_since != SteadyTime::max()) model.policy_gone_since = SteadyTime::min();
  for (auto& [number, version] : model.versions) {
    version.refused.clear();
    version.refusals = 0;
    version.seen_since = SteadyTime::min();
  }
}

LoadPlan Plan(const ModelRecord& model, SteadyTime now, const LoadTiming& timing) {
  LoadPlan plan;
  if (model.policy_gone_since != SteadyTime::max()) {
    plan.next_look = model.policy_gone_since + timing.settle;
  }
  const std::set<int64_t> chosen = Chosen(model);
  bool is_incomplete = false;
  for (auto number = chosen.rbegin(); number != chosen.rend(); ++number) {
    const auto found = model.versions.find(*number);
    if (found == model.versions.end() || !NeedsLoading(found->second)) continue;
    is_incomplete |= !found->second.is_ready();
    const SteadyTime due = Due(found->second, timing);
    if (due <= now) {
      plan.load.push_back(*number);
    } else {
      plan.next_look = std::min(plan.next_look, due);
    }
  }
  if (model.is_asked_for) plan.labels = ResolveLabels(model);
  std::set<int64_t> needed = chosen;
  for (const auto& [label, version] : plan.labels) needed.insert(version);
  if (!is_incomplete) plan.unload = Unneeded(model, needed);
  return plan;
}

std::vector<VersionStatus> Describe(const std::string& name, const ModelRecord& model) {
  std::vector<VersionStatus> statuses;
  if (!model.policy_problem.empty()) {
    statuses.push_back({name, 0, ModelState::kFailed, model.policy_problem, {}});
  }
  const std::set<int64_t> chosen = Chosen(model);
  std::set<int64_t> told = chosen;
  for (const auto& [number, version] : model.versions) told.insert(number);
  static const VersionRecord& absent = *new VersionRecord;
  for (const int64_t number : told) {
    const auto found = model.versions.find(number);
    const VersionRecord& version = found == model.versions.end() ? absent : found->second;
    VersionStatus status{name, number, StateOf(version, chosen.count(number) > 0), "", {}};
    status.reason = ReasonOf(version, status.state);
    for (const auto& [label, target] : model.labels) {
      if (target == number) status.labels.push_back(label);
    }
    statuses.push_back(std::move(status));
  }
  if (statuses.empty()) {
    statuses.push_back({name, 0, ModelState::kFailed, "has no versions", {}});
  }
  return statuses;
}

bool ServesWhatWasAsked(const ModelRecord& model) {
  if (model.policy_problem.empty() && model.policy.serves_nothing()) return true;
  if (!model.is_ready()) return false;
  std::set<int64_t> asked = model.policy.named;
  for (const auto& [label, version] : model.policy.labels) asked.insert(version);
  return std::all_of(asked.begin(), asked.end(), [&model](int64_t number) {
    const auto found = model.versions.find(number);
    return found != model.versions.end() && found->second.is_ready();
  });
}

}  // namespace mdn

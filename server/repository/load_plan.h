#ifndef MDN_SERVER_REPOSITORY_LOAD_PLAN_H_
#define MDN_SERVER_REPOSITORY_LOAD_PLAN_H_

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "server/batching/task.h"
#include "server/repository/model_repository.h"
#include "server/repository/repository_scan.h"

// What to load and unload: functions of what was seen and of now, without files, models or threads.

namespace mdn {

/// What is known of one version. Fingerprints tell apart the states of its files; an empty one
/// stands for no files.
struct VersionRecord {
  /// What the last look found, and since when.
  std::string seen;
  SteadyTime seen_since;
  /// Of the files that were refused last, and why.
  std::string refused;
  std::string reason;
  SteadyTime refused_at;
  /// Refusals one after another.
  int refusals = 0;
  /// Of the files that take traffic.
  std::string loaded;

  bool is_ready() const { return !loaded.empty(); }
  bool is_refused() const { return !seen.empty() && seen == refused; }
};

/// What is known of one model.
struct ModelRecord {
  /// Nothing until one has been read.
  VersionPolicy policy{VersionPolicy::Kind::kNamed, 1, {}, {}};
  bool has_policy_file = false;
  /// Since when it has been missing; the policy is still the one before, since whoever changes a
  /// file may take it away for a moment. max(): it is not.
  SteadyTime policy_gone_since = SteadyTime::max();
  /// Why model_policy.json cannot be used at present; the policy is the one before.
  std::string policy_problem;
  /// Somebody wants it to be served.
  bool is_asked_for = true;
  std::map<int64_t, VersionRecord> versions;
  /// Those that name a version which is ready.
  std::map<std::string, int64_t> labels;

  bool is_ready() const;
};

struct LoadTiming {
  /// How long a version's files must have stayed the same, or model_policy.json away.
  std::chrono::nanoseconds settle{0};
  /// Before the second try of a version; doubles with each further one, up to the limit.
  std::chrono::nanoseconds backoff{std::chrono::seconds(1)};
  std::chrono::nanoseconds backoff_limit{std::chrono::minutes(1)};
};

/// Takes in what a look found; nullptr: the model's directory is not there any more.
void Observe(const ModelListing* listing, SteadyTime now, const LoadTiming& timing,
             ModelRecord& model);

/// What was refused is to be tried again, and what has only just appeared is to be tried now.
void TryAgain(ModelRecord& model);

struct LoadPlan {
  /// In this order.
  std::vector<int64_t> load;
  std::vector<int64_t> unload;
  std::map<std::string, int64_t> labels;
  /// When the plan may change though nothing else does.
  SteadyTime next_look = SteadyTime::max();
};

/// What to do now for one model, so that what its policy chooses is served.
/// - Of the newest versions those that were refused do not count: the next older one stands in.
/// - Refused files are tried again only when they have changed.
/// - Nothing is unloaded while something chosen is still to be loaded, and a label stays with its
///   old version until its new one is ready.
/// - A model never loses its last version to files that are bad or gone; only a policy that chooses
///   nothing, or nobody asking for it any more, unloads that.
LoadPlan Plan(const ModelRecord& model, SteadyTime now, const LoadTiming& timing);

/// Every version that there is something to tell of, in order.
std::vector<VersionStatus> Describe(const std::string& name, const ModelRecord& model);

/// The model serves at least one version, and each one that its policy names.
bool ServesWhatWasAsked(const ModelRecord& model);

}  // namespace mdn

#endif  // MDN_SERVER_REPOSITORY_LOAD_PLAN_H_

#include "server/repository/repository_keeper.h"

#include <malloc.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace mdn {
namespace {

/// Requests that may wait for the keeper.
constexpr size_t kMaxRequests = 64;
/// Between two looks that nobody asked for.
constexpr std::chrono::milliseconds kShortestPause(20);

absl::Status Stopped() { return absl::UnavailableError("the server is draining"); }

void TellPolicyProblem(const std::string& model, const std::string& problem) {
  if (problem.empty()) {
    spdlog::info("model '{}': its directory and policy are in order again", model);
  } else {
    spdlog::error("model '{}': {}; what is loaded is served on", model, problem);
  }
}

}  // namespace

RepositoryKeeper::RepositoryKeeper(Options options, ModelRepository& repository)
    : options_(std::move(options)),
      repository_(repository),
      retired_(std::make_shared<RetiredModels>([this] { watch_.Wake(); })) {}

absl::StatusOr<std::unique_ptr<RepositoryKeeper>> RepositoryKeeper::Start(
    Options options, ModelRepository& repository) {
  const auto listing = ScanRepository(options.directory);
  if (!listing.ok()) {
    return absl::Status(listing.status().code(),
                        absl::StrCat(options.directory, ": ", listing.status().message()));
  }
  std::unique_ptr<RepositoryKeeper> keeper(new RepositoryKeeper(std::move(options), repository));
  const std::vector<std::string>& initial = keeper->options_.initial_models;
  const bool all = std::count(initial.begin(), initial.end(), "*") > 0;
  keeper->Take(*listing, std::chrono::steady_clock::now());
  for (const std::string& name : initial) {
    if (name != "*") keeper->records_[name].is_asked_for = true;
  }
  for (auto& [name, model] : keeper->records_) {
    model.is_asked_for |= all;
    TryAgain(model);
  }
  keeper->Publish();
  keeper->thread_ = std::thread([raw = keeper.get()] { raw->Run(); });
  return keeper;
}

RepositoryKeeper::~RepositoryKeeper() {
  Stop();
  if (thread_.joinable()) thread_.join();
  retired_->Close();
}

void RepositoryKeeper::Load(const std::string& name, Done done) {
  Enqueue({Request::Kind::kLoad, name, std::move(done)});
}

void RepositoryKeeper::Unload(const std::string& name, Done done) {
  if (options_.mode != RepositoryMode::kExplicit) {
    done(absl::FailedPreconditionError(
        "the repository decides which models are served; only --repository_mode=explicit unloads "
        "them by name"));
    return;
  }
  Enqueue({Request::Kind::kUnload, name, std::move(done)});
}

void RepositoryKeeper::Rescan() {
  Enqueue({Request::Kind::kRescan, "", [](const absl::Status&) {}});
}

void RepositoryKeeper::Enqueue(Request request) {
  const absl::Status status = TryEnqueue(request);
  if (status.ok()) {
    watch_.Wake();
  } else {
    request.done(status);
  }
}

/// Takes the request only if it returns OK.
absl::Status RepositoryKeeper::TryEnqueue(Request& request) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (stopping_) return Stopped();
  if (requests_.size() + waiting_.size() >= kMaxRequests) {
    return absl::ResourceExhaustedError(
        absl::StrCat(kMaxRequests, " calls wait for the model repository, the most it takes"));
  }
  requests_.push_back(std::move(request));
  return absl::OkStatus();
}

void RepositoryKeeper::Stop() {
  std::vector<Request> requests;
  std::vector<Waiting> waiting;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
    requests.swap(requests_);
    waiting.swap(waiting_);
  }
  for (const Request& request : requests) request.done(Stopped());
  for (const Waiting& load : waiting) load.done(Stopped());
  watch_.Wake();
}

bool RepositoryKeeper::HasRequests() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return stopping_ || !requests_.empty();
}

void RepositoryKeeper::Run() {
  while (Round()) Sleep();
}

/// False: the keeper stops.
bool RepositoryKeeper::Round() {
  const SteadyTime now = std::chrono::steady_clock::now();
  std::vector<Request> requests;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (stopping_) return false;
    requests.swap(requests_);
  }
  FreeRetired();
  if (options_.mode == RepositoryMode::kWatch || !requests.empty()) Look(now);
  for (Request& request : requests) Obey(std::move(request), now);
  bool is_done = false;
  do {
    is_done = !LoadNext();
  } while (!is_done && !HasRequests());
  if (is_done) has_started_ = true;
  Publish();
  AnswerWaiting();
  return true;
}

void RepositoryKeeper::Look(SteadyTime now) {
  last_look_ = now;
  const auto listing = ScanRepository(options_.directory);
  const std::string problem(listing.status().message());
  if (problem != problem_) {
    if (problem.empty()) spdlog::info("the model repository can be read again");
    if (!problem.empty()) {
      spdlog::error("the model repository {}; what is loaded is served on", problem);
    }
    problem_ = problem;
  }
  if (listing.ok()) Take(*listing, now);
}

void RepositoryKeeper::Take(const RepositoryListing& listing, SteadyTime now) {
  if (listing.ignored != ignored_) {
    ignored_ = listing.ignored;
    for (const std::string& sentence : ignored_) spdlog::warn("ignored: {}", sentence);
  }
  const bool by_name = options_.mode == RepositoryMode::kExplicit;
  for (const auto& [name, files] : listing.models) {
    const auto [entry, is_new] = records_.try_emplace(name);
    if (is_new) entry->second.is_asked_for = !by_name;
  }
  for (auto entry = records_.begin(); entry != records_.end();) {
    auto& [name, model] = *entry;
    const auto files = listing.models.find(name);
    const bool is_there = files != listing.models.end();
    const std::string policy_problem = model.policy_problem;
    Observe(is_there ? &files->second : nullptr, now, options_.timing, model);
    if (model.policy_problem != policy_problem) TellPolicyProblem(name, model.policy_problem);
    const bool is_over = !is_there && model.versions.empty() && !(by_name && model.is_asked_for);
    entry = is_over ? records_.erase(entry) : std::next(entry);
  }
  if (options_.mode == RepositoryMode::kWatch) Watch(listing);
}

void RepositoryKeeper::Watch(const RepositoryListing& listing) {
  std::vector<std::string> directories = {options_.directory};
  for (const auto& [name, files] : listing.models) {
    directories.push_back(absl::StrCat(options_.directory, "/", name));
    for (const auto& [version, fingerprint] : files.versions) {
      directories.push_back(VersionDirectory(options_.directory, name, version));
    }
  }
  watch_.Add(directories);
}

void RepositoryKeeper::Obey(Request request, SteadyTime now) {
  if (request.kind == Request::Kind::kRescan) {
    for (auto& [name, model] : records_) TryAgain(model);
    return;
  }
  const auto found = records_.find(request.name);
  if (found == records_.end()) {
    request.done(problem_.empty()
                     ? absl::NotFoundError("name: the model repository holds no such model")
                     : absl::UnavailableError(absl::StrCat("the model repository ", problem_)));
    return;
  }
  ModelRecord& model = found->second;
  if (request.kind == Request::Kind::kUnload) {
    ObeyUnload(model, request.done);
    return;
  }
  model.is_asked_for = true;
  TryAgain(model);
  std::unique_lock<std::mutex> lock(mutex_);
  if (!stopping_) {
    waiting_.push_back({request.name, now, std::move(request.done)});
    return;
  }
  lock.unlock();
  request.done(Stopped());
}

void RepositoryKeeper::ObeyUnload(ModelRecord& model, const Done& done) {
  if (!std::exchange(model.is_asked_for, false)) {
    done(absl::NotFoundError("name: the model is not served"));
    return;
  }
  Tidy();
  done(absl::OkStatus());
}

/// Loads one version; false: there is none to load.
bool RepositoryKeeper::LoadNext() {
  Tidy();
  // Files have settled only if a look has found them so.
  const bool looks = options_.mode == RepositoryMode::kWatch;
  const SteadyTime now = looks ? last_look_ : std::chrono::steady_clock::now();
  for (const auto& [name, model] : records_) {
    const LoadPlan plan = Plan(model, now, options_.timing);
    if (plan.load.empty()) continue;
    LoadVersion(name, plan.load.front());
    return true;
  }
  return false;
}

/// Does what need not wait for a version to load, and publishes.
void RepositoryKeeper::Tidy() {
  const SteadyTime now = std::chrono::steady_clock::now();
  std::vector<std::shared_ptr<ServedModel>> unloaded;  // Until others are published.
  for (auto& [name, model] : records_) {
    LoadPlan plan = Plan(model, now, options_.timing);
    model.labels = std::move(plan.labels);
    for (const int64_t number : plan.unload) {
      model.versions.at(number).loaded.clear();
      const auto served = models_.find({name, number});
      unloaded.push_back(std::move(served->second));
      unloading_.push_back(served->first);
      models_.erase(served);
      spdlog::info("model '{}' version {}: takes no more calls", name, number);
    }
  }
  Publish();
}

void RepositoryKeeper::LoadVersion(const std::string& name, int64_t number) {
  VersionRecord& version = records_.at(name).versions.at(number);
  const SteadyTime begin = std::chrono::steady_clock::now();
  auto model = options_.load(name, number, version.seen);
  const absl::Status status = model.status();
  const SteadyTime end = std::chrono::steady_clock::now();
  if (status.ok()) {
    std::shared_ptr<ServedModel>& place = models_[{name, number}];
    if (place != nullptr) unloading_.emplace_back(name, number);
    place = retired_->Share(*std::move(model));
    version.loaded = version.seen;
    version.refused.clear();
    version.refusals = 0;
    spdlog::info("model '{}' version {}: ready", name, number);
  } else {
    version.refused = version.seen;
    version.reason = std::string(status.message());
    version.refused_at = end;
    ++version.refusals;
    spdlog::error("model '{}' version {}: refused: {}", name, number, version.reason);
  }
  if (options_.on_load) options_.on_load({name, number, status, end - begin});
}

void RepositoryKeeper::AnswerWaiting() {
  std::vector<Waiting> answered;
  const SteadyTime now = std::chrono::steady_clock::now();
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto begin = std::partition(waiting_.begin(), waiting_.end(), [&](const Waiting& load) {
      const auto model = records_.find(load.name);
      return model != records_.end() && !Plan(model->second, now, options_.timing).load.empty();
    });
    answered.assign(std::make_move_iterator(begin), std::make_move_iterator(waiting_.end()));
    waiting_.erase(begin, waiting_.end());
  }
  for (const Waiting& load : answered) load.done(Outcome(load));
}

absl::Status RepositoryKeeper::Outcome(const Waiting& load) const {
  if (!problem_.empty())
    return absl::UnavailableError(absl::StrCat("the model repository ", problem_));
  const auto found = records_.find(load.name);
  if (found == records_.end()) {
    return absl::NotFoundError("name: the model repository holds no such model");
  }
  const ModelRecord& model = found->second;
  if (!model.policy_problem.empty()) return absl::FailedPreconditionError(model.policy_problem);
  if (!model.is_asked_for) return absl::AbortedError("name: the model was unloaded meanwhile");
  for (auto entry = model.versions.rbegin(); entry != model.versions.rend(); ++entry) {
    const VersionRecord& version = entry->second;
    if (version.is_refused() && version.refused_at >= load.since) {
      return absl::FailedPreconditionError(
          absl::StrCat("version ", entry->first, " was refused: ", version.reason));
    }
  }
  if (model.is_ready() || model.policy.serves_nothing()) return absl::OkStatus();
  return absl::NotFoundError("name: the model repository holds no version of it to serve");
}

void RepositoryKeeper::FreeRetired() {
  std::vector<std::unique_ptr<ServedModel>> models = retired_->Take();
  if (models.empty()) return;
  for (std::unique_ptr<ServedModel>& model : models) {
    const Key key(model->description().name, model->description().version);
    model.reset();
    const auto entry = std::find(unloading_.begin(), unloading_.end(), key);
    if (entry != unloading_.end()) unloading_.erase(entry);
  }
  malloc_trim(0);
}

void RepositoryKeeper::Publish() {
  auto served = std::make_shared<ServedModels>();
  bool all_ready = true;
  std::vector<absl::string_view> asked_for;
  std::map<Key, VersionStatus> statuses;
  for (const auto& [name, number] : unloading_) {
    if (models_.count({name, number}) > 0) continue;
    statuses[{name, number}] = {name, number, ModelState::kUnloading, "", {}};
  }
  for (const auto& [name, model] : records_) {
    for (VersionStatus& status : Describe(name, model)) {
      Key key(name, status.version);
      statuses.emplace(std::move(key), std::move(status));
    }
    if (!model.is_asked_for) continue;
    all_ready &= ServesWhatWasAsked(model);
    if (!model.policy.serves_nothing()) asked_for.push_back(name);
    if (model.is_ready())
      served->models[name].labels.insert(model.labels.begin(), model.labels.end());
  }
  for (const auto& [key, model] : models_) served->models[key.first].ready[key.second] = model;
  for (auto& [key, status] : statuses) served->statuses.push_back(std::move(status));
  served->default_name = options_.default_model;
  if (served->default_name.empty() && asked_for.size() == 1) {
    served->default_name = std::string(asked_for.front());
  }
  served->is_ready =
      has_started_ && !served->models.empty() && (all_ready || !options_.strict_readiness);
  served->problem = problem_;
  if (*served == *repository_.Snapshot()) return;
  repository_.Publish(std::move(served));
}

void RepositoryKeeper::Sleep() {
  const SteadyTime now = std::chrono::steady_clock::now();
  SteadyTime wake = SteadyTime::max();
  if (options_.mode == RepositoryMode::kWatch) wake = now + options_.poll_interval;
  for (const auto& [name, model] : records_) {
    const LoadPlan plan = Plan(model, now, options_.timing);
    wake = std::min(wake, plan.load.empty() ? plan.next_look : now);
  }
  watch_.Wait(wake);
  while (!HasRequests() && std::chrono::steady_clock::now() < last_look_ + kShortestPause) {
    watch_.Wait(last_look_ + kShortestPause);
  }
}

}  // namespace mdn

#ifndef MDN_SERVER_REPOSITORY_REPOSITORY_KEEPER_H_
#define MDN_SERVER_REPOSITORY_REPOSITORY_KEEPER_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "server/repository/directory_watch.h"
#include "server/repository/load_plan.h"
#include "server/repository/model_repository.h"
#include "server/repository/retired_models.h"

namespace mdn {

enum class RepositoryMode {
  /// Every model, as the directory is at the start and whenever told to look.
  kFixed,
  /// Every model, as the directory changes.
  kWatch,
  /// The models that were asked for by name, as the directory is whenever told to look.
  kExplicit,
};

/// How the loading of one version ended.
struct LoadReport {
  std::string name;
  int64_t version = 0;
  absl::Status status;
  std::chrono::nanoseconds took{0};
};

/// Keeps what a ModelRepository serves in agreement with a directory of models. One thread looks,
/// loads one version at a time, publishes it when it is ready, and frees what nobody uses any more:
/// so beside what is served at most one version is in memory, and each one that calls in flight
/// still use. Thread-safe.
class RepositoryKeeper {
 public:
  struct Options {
    std::string directory;
    RepositoryMode mode = RepositoryMode::kWatch;
    /// kExplicit: the models to serve from the start; "*" stands for all that are there then.
    std::vector<std::string> initial_models;
    /// Answers requests that name no model; empty: the only one, if there is only one.
    std::string default_model;
    /// Readiness asks for each model and each version that a policy names; else for any model.
    bool strict_readiness = false;
    /// kWatch; `settle` does not concern what is there at the start.
    LoadTiming timing;
    /// kWatch: how often to look where nothing tells of changes.
    std::chrono::nanoseconds poll_interval{std::chrono::seconds(5)};
    /// Makes a version ready for traffic from the files with that fingerprint.
    std::function<absl::StatusOr<std::unique_ptr<ServedModel>>(
        const std::string& name, int64_t version, const std::string& fingerprint)>
        load;
    /// Called on the keeper's thread; may be empty.
    std::function<void(const LoadReport&)> on_load;
  };

  /// Told once how it ended, on some thread.
  using Done = std::function<void(const absl::Status&)>;

  /// Looks at the directory and begins to load. `repository` outlives the keeper. The errors are
  /// ScanRepository's.
  static absl::StatusOr<std::unique_ptr<RepositoryKeeper>> Start(Options options,
                                                                 ModelRepository& repository);
  /// Stops, and waits for the version that is being loaded.
  ~RepositoryKeeper();

  /// As ModelRepositoryService says.
  void Load(const std::string& name, Done done);
  void Unload(const std::string& name, Done done);
  /// Load, for every model that is asked for.
  void Rescan();

  /// Nothing is loaded or unloaded any more, and whoever waits is told UNAVAILABLE. Does not wait.
  void Stop();

 private:
  struct Request {
    enum class Kind { kLoad, kUnload, kRescan } kind;
    std::string name;
    Done done;
  };
  /// A Load that has begun.
  struct Waiting {
    std::string name;
    SteadyTime since;
    Done done;
  };

  using Key = std::pair<std::string, int64_t>;

  RepositoryKeeper(Options options, ModelRepository& repository);
  void Enqueue(Request request);
  absl::Status TryEnqueue(Request& request);
  bool HasRequests();

  void Run();
  bool Round();
  void Look(SteadyTime now);
  void Take(const RepositoryListing& listing, SteadyTime now);
  void Watch(const RepositoryListing& listing);
  void Obey(Request request, SteadyTime now);
  void ObeyUnload(ModelRecord& model, const Done& done);
  bool LoadNext();
  void Tidy();
  void LoadVersion(const std::string& name, int64_t number);
  void AnswerWaiting();
  absl::Status Outcome(const Waiting& load) const;
  void FreeRetired();
  void Publish();
  void Sleep();

  const Options options_;
  ModelRepository& repository_;
  DirectoryWatch watch_;
  const std::shared_ptr<RetiredModels> retired_;

  // Confined to thread_.
  std::map<std::string, ModelRecord> records_;
  std::map<Key, std::shared_ptr<ServedModel>> models_;
  std::vector<Key> unloading_;
  std::string problem_;
  std::vector<std::string> ignored_;
  bool has_started_ = false;  // What was there at the start has been tried.
  SteadyTime last_look_;

  std::mutex mutex_;
  // Guarded by mutex_.
  std::vector<Request> requests_;
  std::vector<Waiting> waiting_;
  bool stopping_ = false;

  std::thread thread_;
};

}  // namespace mdn

#endif  // MDN_SERVER_REPOSITORY_REPOSITORY_KEEPER_H_

#ifndef MDN_SERVER_REPOSITORY_RETIRED_MODELS_H_
#define MDN_SERVER_REPOSITORY_RETIRED_MODELS_H_

#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "server/repository/served_model.h"

namespace mdn {

/// Where models go that nobody uses any more, so that a thread that answers calls need not free
/// them. Models keep it alive. Thread-safe.
class RetiredModels : public std::enable_shared_from_this<RetiredModels> {
 public:
  /// `arrived` is called whenever a model comes, on whichever thread gave it up, until Close.
  explicit RetiredModels(std::function<void()> arrived) : arrived_(std::move(arrived)) {}

  /// The model, to be shared; it comes here instead of being destroyed.
  std::shared_ptr<ServedModel> Share(std::unique_ptr<ServedModel> model);

  /// Those that have come since the last call, for the caller to destroy.
  std::vector<std::unique_ptr<ServedModel>> Take();

  /// From now on models are destroyed where they are given up.
  void Close();

 private:
  void Retire(std::unique_ptr<ServedModel> model);

  std::mutex mutex_;
  // Guarded by mutex_.
  std::function<void()> arrived_;
  std::vector<std::unique_ptr<ServedModel>> models_;
};

}  // namespace mdn

#endif  // MDN_SERVER_REPOSITORY_RETIRED_MODELS_H_

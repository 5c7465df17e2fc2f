#ifndef MDN_MODEL_CHECKPOINT_PICKLE_WALK_H_
#define MDN_MODEL_CHECKPOINT_PICKLE_WALK_H_

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "model/checkpoint/model_config.h"
#include "model/checkpoint/pickle.h"

namespace mdn {

/// A dict with names of the standard network's tensors, or a pickled module that has them.
struct NetworkEntries {
  /// The keys that lead to it from the root.
  std::vector<std::string> path;
  /// By the names of state_dict(); not only tensors.
  std::map<std::string, NodeId> values;
  /// Out of the module's attributes.
  ConfigHints hints;
};

/// Looks through what a pickle describes for networks. Every node is visited once, nesting and the
/// number of steps are bounded, so that no graph of nodes takes long. Thread-compatible.
class PickleWalk {
 public:
  explicit PickleWalk(const Pickle& pickle);

  /// INVALID_ARGUMENT: over a bound, or a pickled network that is not the standard one.
  absl::Status Run();

  const std::vector<NetworkEntries>& found() const { return found_; }
  /// Some names of tensors that belong to no network, for messages.
  const std::vector<std::string>& other_tensors() const { return other_tensors_; }

 private:
  using Entries = std::vector<std::pair<NodeId, NodeId>>;

  void Visit(NodeId id);
  void VisitChild(std::string key, NodeId id);
  void VisitDict(NodeId id);
  void VisitModule(NodeId state);
  void Found(NetworkEntries entries);
  void Flatten(NodeId state, const std::string& prefix, int depth, NetworkEntries& entries);
  void FlattenChildren(NodeId modules, const std::string& prefix, int depth,
                       NetworkEntries& entries);
  void AddValues(NodeId dict, const std::string& prefix, NetworkEntries& entries);
  void CheckActivation(NodeId module, const std::string& name);
  void NoteTensors(const Entries& entries);

  /// Each counts towards the bound on steps.
  Entries EntriesOf(NodeId dict);
  std::optional<NodeId> Find(NodeId dict, absl::string_view key);
  /// The attributes of a pickled module.
  std::optional<NodeId> ModuleState(NodeId id);
  ConfigHints ReadHints(NodeId state);

  void Fail(absl::string_view reason);

  const Pickle& pickle_;
  absl::Status status_;
  size_t steps_ = 0;
  std::vector<bool> visited_;
  std::vector<std::string> path_;
  std::vector<NetworkEntries> found_;
  std::vector<std::string> other_tensors_;
};

}  // namespace mdn

#endif  // MDN_MODEL_CHECKPOINT_PICKLE_WALK_H_

#include "model/checkpoint/state_dict.h"

#include <cstddef>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "model/checkpoint/pickle_walk.h"
#include "model/checkpoint/printable.h"
#include "model/checkpoint/pytorch_tensor.h"
#include "model/checkpoint/standard_network.h"

namespace mdn {
namespace {

constexpr const char* kPreferredKeys[] = {"state_dict", "model_state_dict", "model"};

std::string Where(const NetworkEntries& found) {
  return found.path.empty() ? "the root" : absl::StrCat("'", absl::StrJoin(found.path, "."), "'");
}

absl::Status NoneFound(const PickleWalk& walk) {
  std::string held = "no tensors";
  if (!walk.other_tensors().empty()) {
    held = absl::StrCat("only other tensors: ", absl::StrJoin(walk.other_tensors(), ", "));
  }
  return absl::InvalidArgumentError(
      absl::StrCat("no state dict with tensors pi_network.0.weight … in it; it holds ", held));
}

absl::Status SeveralFound(const std::vector<const NetworkEntries*>& found) {
  const std::string places = absl::StrJoin(
      found, ", ",
      [](std::string* out, const NetworkEntries* entries) { out->append(Where(*entries)); });
  return absl::InvalidArgumentError(
      absl::StrCat("it holds several state dicts, at ", places,
                   "; save the one to serve alone: torch.save(model.state_dict(), 'model.pt')"));
}

absl::StatusOr<const NetworkEntries*> Choose(const PickleWalk& walk) {
  if (walk.found().empty()) return NoneFound(walk);
  std::vector<const NetworkEntries*> all;
  for (const NetworkEntries& entries : walk.found()) all.push_back(&entries);
  if (all.size() == 1) return all[0];
  for (const char* key : kPreferredKeys) {
    std::vector<const NetworkEntries*> preferred;
    for (const NetworkEntries* entries : all) {
      if (!entries->path.empty() && entries->path.back() == key) preferred.push_back(entries);
    }
    if (preferred.size() == 1) return preferred[0];
    if (preferred.size() > 1) return SeveralFound(preferred);
  }
  return SeveralFound(all);
}

std::string DescribeNode(const Pickle& pickle, NodeId id) {
  const std::string callee = pickle.CalleeName(id);
  return callee.empty() ? "no tensor"
                        : absl::StrCat("not a tensor but made by ", Printable(callee));
}

absl::Status ReadTensors(const Pickle& pickle, const NetworkEntries& entries, StateDict& read) {
  for (const auto& [name, id] : entries.values) {
    if (!IsTensor(pickle, id)) {
      if (!FindNetworkName(name).has_value()) continue;
      return absl::InvalidArgumentError(
          absl::StrCat(Printable(name), " is ", DescribeNode(pickle, id)));
    }
    absl::StatusOr<StoredTensor> tensor = ReadTensor(pickle, id);
    if (!tensor.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat(Printable(name), " ", tensor.status().message()));
    }
    read.tensors.emplace(name, *std::move(tensor));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<StateDict> FindStateDict(const Pickle& pickle) {
  PickleWalk walk(pickle);
  absl::Status status = walk.Run();
  if (!status.ok()) return status;
  const absl::StatusOr<const NetworkEntries*> chosen = Choose(walk);
  if (!chosen.ok()) return chosen.status();
  StateDict read;
  read.hints = (*chosen)->hints;
  status = ReadTensors(pickle, **chosen, read);
  if (!status.ok()) return status;
  return read;
}

}  // namespace mdn

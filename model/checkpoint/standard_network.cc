#include "model/checkpoint/standard_network.h"

#include <set>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "model/checkpoint/printable.h"

namespace mdn {
namespace {

constexpr const char* kNetworks[] = {"pi_network.", "normal_network."};

std::vector<std::string> StandardNames() {
  std::vector<std::string> names;
  for (const char* network : kNetworks) {
    for (const char* layer : {"0", "2", "4"}) {
      for (const char* part : {".weight", ".bias"}) {
        names.push_back(absl::StrCat(network, layer, part));
      }
    }
  }
  return names;
}

// Names for a message, so many that the rest can be guessed.
std::string Listed(const std::vector<std::string>& names) {
  constexpr size_t kMaxListed = 6;
  std::vector<std::string> listed;
  for (const std::string& name : names) {
    if (listed.size() < kMaxListed) listed.push_back(Printable(name));
  }
  std::string list = absl::StrJoin(listed, ", ");
  if (listed.size() == names.size()) return list;
  return absl::StrCat(list, " and ", names.size() - listed.size(), " more");
}

absl::StatusOr<std::string> FindPrefix(const std::map<std::string, StoredTensor>& tensors) {
  std::set<std::string> prefixes;
  for (const auto& [name, tensor] : tensors) {
    const std::optional<size_t> position = FindNetworkName(name);
    if (position.has_value()) prefixes.insert(name.substr(0, *position));
  }
  if (prefixes.size() == 1) return *prefixes.begin();
  if (prefixes.empty()) {
    return absl::InvalidArgumentError("it has no tensors of pi_network or normal_network");
  }
  std::vector<std::string> quoted;
  quoted.reserve(prefixes.size());
  for (const std::string& prefix : prefixes) quoted.push_back(absl::StrCat("'", prefix, "'"));
  return absl::InvalidArgumentError(absl::StrCat("it holds several networks, under the prefixes ",
                                                 Listed(quoted), "; save the one to serve alone"));
}

absl::Status RefuseLayoutOf2019() {
  return absl::InvalidArgumentError(
      "it has tensors pi_network.network.…: another architecture, that of the reference "
      "implementation from 2019 to 2022 (one hidden layer of ELU). Train it anew, or serve it as "
      "TorchScript: torch.jit.trace(model, x).save('model.ts')");
}

absl::Status Refuse(const std::vector<std::string>& missing,
                    const std::vector<std::string>& foreign) {
  std::vector<std::string> reasons;
  if (!missing.empty()) reasons.push_back(absl::StrCat("it lacks ", Listed(missing)));
  if (!foreign.empty()) {
    reasons.push_back(absl::StrCat(
        "it has tensors that the standard network does not have: ", Listed(foreign),
        ". Serving only a part of a network would give wrong answers; save the state dict of the "
        "mixture density network alone, or serve the whole as TorchScript: torch.jit.trace(model, "
        "x).save('model.ts')"));
  }
  return absl::InvalidArgumentError(absl::StrJoin(reasons, "; "));
}

}  // namespace

std::optional<size_t> FindNetworkName(absl::string_view name) {
  std::optional<size_t> first;
  for (const char* network : kNetworks) {
    for (size_t at = name.find(network); at != absl::string_view::npos;
         at = name.find(network, at + 1)) {
      if (at != 0 && name[at - 1] != '.') continue;
      if (!first.has_value() || at < *first) first = at;
      break;
    }
  }
  return first;
}

absl::StatusOr<std::map<std::string, StoredTensor>> SelectStandardNetwork(
    const std::map<std::string, StoredTensor>& tensors) {
  const absl::StatusOr<std::string> prefix = FindPrefix(tensors);
  if (!prefix.ok()) return prefix.status();
  std::map<std::string, StoredTensor> selected;
  std::vector<std::string> missing;
  std::set<std::string> expected;
  for (const std::string& name : StandardNames()) {
    const std::string stored_name = absl::StrCat(*prefix, name);
    const auto found = tensors.find(stored_name);
    expected.insert(stored_name);
    if (found == tensors.end()) {
      missing.push_back(stored_name);
    } else {
      selected.emplace(name, found->second);
    }
  }
  std::vector<std::string> foreign;
  for (const auto& [name, tensor] : tensors) {
    if (absl::StartsWith(name, absl::StrCat(*prefix, "pi_network.network."))) {
      return RefuseLayoutOf2019();
    }
    if (expected.count(name) == 0) foreign.push_back(name);
  }
  if (!missing.empty() || !foreign.empty()) return Refuse(missing, foreign);
  return selected;
}

}  // namespace mdn

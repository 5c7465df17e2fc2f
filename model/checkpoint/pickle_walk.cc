#include "model/checkpoint/pickle_walk.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "model/checkpoint/printable.h"
#include "model/checkpoint/pytorch_tensor.h"
#include "model/checkpoint/standard_network.h"

namespace mdn {
namespace {

constexpr size_t kMaxDepth = 64;
constexpr size_t kMaxSteps = size_t{4} << 20;
constexpr size_t kMaxFound = 16;
constexpr size_t kMaxValues = 4096;
constexpr size_t kMaxNameBytes = 256;

bool HasNetworkName(const NetworkEntries& entries) {
  for (const auto& [name, id] : entries.values) {
    if (FindNetworkName(name).has_value()) return true;
  }
  return false;
}

// Python pickles an enumeration's member as getattr(NoiseType, 'ISOTROPIC') or as NoiseType(2).
std::optional<NoiseType> ReadNoiseType(const Pickle& pickle, NodeId id) {
  const std::vector<NodeId>& arguments = pickle.Arguments(id);
  const std::string callee = pickle.CalleeName(id);
  if (absl::EndsWith(callee, ".getattr") && arguments.size() == 2) {
    const std::optional<absl::string_view> name = pickle.Text(arguments[1]);
    if (!name.has_value() || pickle.node(arguments[0]).name != "NoiseType") return std::nullopt;
    return ParseNoiseType(absl::AsciiStrToLower(*name));
  }
  if (!absl::EndsWith(callee, ".NoiseType") || arguments.size() != 1) return std::nullopt;
  const int64_t value = pickle.Integer(arguments[0]).value_or(0);
  if (value < 1 || value > static_cast<int64_t>(NoiseType::kFixed)) return std::nullopt;
  return static_cast<NoiseType>(value);
}

std::optional<double> ReadReal(const Pickle& pickle, NodeId id) {
  if (pickle.node(id).kind == NodeKind::kFloat) return pickle.node(id).real;
  const std::optional<int64_t> integer = pickle.Integer(id);
  if (!integer.has_value()) return std::nullopt;
  return static_cast<double>(*integer);
}

}  // namespace

PickleWalk::PickleWalk(const Pickle& pickle)
    : pickle_(pickle), visited_(pickle.node_count(), false) {}

absl::Status PickleWalk::Run() {
  Visit(pickle_.root());
  return status_;
}

void PickleWalk::Fail(absl::string_view reason) {
  if (status_.ok()) status_ = absl::InvalidArgumentError(reason);
}

PickleWalk::Entries PickleWalk::EntriesOf(NodeId dict) {
  if (!status_.ok()) return {};
  Entries entries = pickle_.Entries(dict);
  steps_ += entries.size() + 1;
  if (steps_ <= kMaxSteps) return entries;
  Fail("its pickle is too tangled to look through");
  return {};
}

std::optional<NodeId> PickleWalk::Find(NodeId dict, absl::string_view key) {
  std::optional<NodeId> value;
  for (const auto& [name, id] : EntriesOf(dict)) {
    if (pickle_.Text(name) == key) value = id;
  }
  return value;
}

std::optional<NodeId> PickleWalk::ModuleState(NodeId id) {
  const PickleNode& object = pickle_.node(id);
  if (object.kind != NodeKind::kCall || !pickle_.IsDict(object.state)) return std::nullopt;
  if (pickle_.IsDict(id)) return std::nullopt;
  const std::optional<NodeId> modules = Find(object.state, "_modules");
  if (!modules.has_value() || !pickle_.IsDict(*modules)) return std::nullopt;
  return object.state;
}

void PickleWalk::Visit(NodeId id) {
  if (!status_.ok() || path_.size() > kMaxDepth || visited_[id]) return;
  visited_[id] = true;
  const PickleNode& node = pickle_.node(id);
  if (const std::optional<NodeId> state = ModuleState(id)) {
    VisitModule(*state);
  } else if (pickle_.IsDict(id)) {
    VisitDict(id);
  } else if (node.kind == NodeKind::kList || node.kind == NodeKind::kTuple) {
    for (size_t i = 0; i < node.children.size(); ++i) {
      VisitChild(absl::StrCat("[", i, "]"), node.children[i]);
    }
  }
}

void PickleWalk::VisitChild(std::string key, NodeId id) {
  path_.push_back(std::move(key));
  Visit(id);
  path_.pop_back();
}

void PickleWalk::VisitDict(NodeId id) {
  const Entries entries = EntriesOf(id);
  for (const auto& [key, value] : entries) {
    const std::optional<absl::string_view> name = pickle_.Text(key);
    const bool made = pickle_.node(value).kind == NodeKind::kCall && !pickle_.IsDict(value);
    if (!made || !name.has_value() || !FindNetworkName(*name).has_value()) continue;
    NetworkEntries found;
    AddValues(id, "", found);
    return Found(std::move(found));
  }
  NoteTensors(entries);
  for (const auto& [key, value] : entries) {
    const std::optional<absl::string_view> name = pickle_.Text(key);
    VisitChild(name.has_value() ? Printable(*name) : "?", value);
  }
}

void PickleWalk::VisitModule(NodeId state) {
  NetworkEntries entries;
  Flatten(state, "", 0, entries);
  if (HasNetworkName(entries)) Found(std::move(entries));
}

void PickleWalk::Found(NetworkEntries entries) {
  if (found_.size() >= kMaxFound) {
    return Fail(absl::StrCat("it holds more than ", kMaxFound, " state dicts"));
  }
  entries.path = path_;
  found_.push_back(std::move(entries));
}

void PickleWalk::Flatten(NodeId state, const std::string& prefix, int depth,
                         NetworkEntries& entries) {
  if (depth > static_cast<int>(kMaxDepth)) return Fail("its modules are nested too deep");
  for (const char* kind : {"_parameters", "_buffers"}) {
    const std::optional<NodeId> values = Find(state, kind);
    if (values.has_value() && pickle_.IsDict(*values)) AddValues(*values, prefix, entries);
  }
  const std::optional<NodeId> modules = Find(state, "_modules");
  if (!modules.has_value() || !pickle_.IsDict(*modules)) return;
  if (Find(*modules, "pi_network").has_value()) entries.hints = ReadHints(state);
  FlattenChildren(*modules, prefix, depth, entries);
}

void PickleWalk::FlattenChildren(NodeId modules, const std::string& prefix, int depth,
                                 NetworkEntries& entries) {
  for (const auto& [key, module] : EntriesOf(modules)) {
    const std::optional<absl::string_view> name = pickle_.Text(key);
    if (!name.has_value() || module == kNoneNode) continue;
    const std::string full_name = absl::StrCat(prefix, *name);
    if (full_name.size() > kMaxNameBytes) return Fail("its modules have endless names");
    if (visited_[module]) continue;
    visited_[module] = true;
    CheckActivation(module, full_name);
    const std::optional<NodeId> state = ModuleState(module);
    if (state.has_value()) Flatten(*state, absl::StrCat(full_name, "."), depth + 1, entries);
  }
}

void PickleWalk::CheckActivation(NodeId module, const std::string& name) {
  const std::string type = pickle_.CalleeName(module);
  if (!absl::StartsWith(type, "torch.nn.modules.activation.") || absl::EndsWith(type, ".ReLU")) {
    return;
  }
  if (FindNetworkName(name).has_value()) {
    Fail(absl::StrCat(Printable(name), " is ", Printable(type),
                      "; the standard network has ReLU. Other networks are served as TorchScript: "
                      "torch.jit.trace(model, x).save('model.ts')"));
  }
}

void PickleWalk::AddValues(NodeId dict, const std::string& prefix, NetworkEntries& entries) {
  for (const auto& [key, value] : EntriesOf(dict)) {
    const std::optional<absl::string_view> name = pickle_.Text(key);
    if (!name.has_value() || value == kNoneNode) continue;
    if (prefix.size() + name->size() > kMaxNameBytes || entries.values.size() >= kMaxValues) {
      return Fail(absl::StrCat("its state dict has more than ", kMaxValues,
                               " entries, or a name over ", kMaxNameBytes, " bytes"));
    }
    entries.values[absl::StrCat(prefix, *name)] = value;
  }
}

void PickleWalk::NoteTensors(const Entries& entries) {
  constexpr size_t kMaxNoted = 5;
  for (const auto& [key, value] : entries) {
    if (other_tensors_.size() >= kMaxNoted) return;
    const std::optional<absl::string_view> name = pickle_.Text(key);
    if (name.has_value() && IsTensor(pickle_, value)) other_tensors_.push_back(Printable(*name));
  }
}

ConfigHints PickleWalk::ReadHints(NodeId state) {
  ConfigHints hints;
  hints.origin = "the pickled module";
  for (const auto& [key, value] : EntriesOf(state)) {
    const absl::string_view name = pickle_.Text(key).value_or("");
    if (name == "dim_in") hints.dim_in = pickle_.Integer(value);
    if (name == "dim_out") hints.dim_out = pickle_.Integer(value);
    if (name == "n_components") hints.n_components = pickle_.Integer(value);
    if (name == "hidden_dim") hints.hidden_dim = pickle_.Integer(value);
    if (name == "noise_type") hints.noise_type = ReadNoiseType(pickle_, value);
    if (name == "fixed_noise_level") hints.fixed_noise_level = ReadReal(pickle_, value);
  }
  return hints;
}

}  // namespace mdn

#include "model/checkpoint/pickle.h"

#include "absl/strings/str_cat.h"
#include "model/checkpoint/pickle_machine.h"

namespace mdn {
namespace {

const std::vector<NodeId>& NoNodes() {
  static const auto* const nodes = new std::vector<NodeId>();
  return *nodes;
}

}  // namespace

Pickle::Pickle(std::deque<PickleNode> nodes, NodeId root, size_t size)
    : nodes_(std::move(nodes)), root_(root), size_(size) {}

absl::StatusOr<Pickle> Pickle::Parse(absl::string_view bytes) {
  PickleMachine machine(bytes.substr(0, kMaxBytes), kMaxNodes);
  const absl::Status status = machine.Run();
  if (!status.ok()) return status;
  const size_t size = machine.position();
  const NodeId root = machine.result();
  return Pickle(std::move(machine).TakeNodes(), root, size);
}

std::optional<int64_t> Pickle::Integer(NodeId id) const {
  if (node(id).kind != NodeKind::kInteger) return std::nullopt;
  return node(id).integer;
}

std::optional<absl::string_view> Pickle::Text(NodeId id) const {
  if (node(id).kind != NodeKind::kText) return std::nullopt;
  return node(id).text;
}

bool Pickle::IsGlobal(NodeId id, absl::string_view module, absl::string_view name) const {
  const PickleNode& global = node(id);
  return global.kind == NodeKind::kGlobal && global.text == module && global.name == name;
}

std::string Pickle::CalleeName(NodeId id) const {
  if (node(id).kind != NodeKind::kCall) return "";
  const PickleNode& callee = node(node(id).callee);
  if (callee.kind != NodeKind::kGlobal) return "";
  return absl::StrCat(callee.text, ".", callee.name);
}

const std::vector<NodeId>& Pickle::Arguments(NodeId id) const {
  if (node(id).kind != NodeKind::kCall) return NoNodes();
  const PickleNode& arguments = node(node(id).arguments);
  return arguments.kind == NodeKind::kTuple ? arguments.children : NoNodes();
}

bool Pickle::IsDict(NodeId id) const {
  if (node(id).kind == NodeKind::kDict) return true;
  return node(id).kind == NodeKind::kCall &&
         IsGlobal(node(id).callee, "collections", "OrderedDict");
}

std::vector<std::pair<NodeId, NodeId>> Pickle::Entries(NodeId dict) const {
  std::vector<std::pair<NodeId, NodeId>> entries;
  // Python 2 gives an OrderedDict its items as an argument: a list of pairs.
  const std::vector<NodeId>& arguments = Arguments(dict);
  if (!arguments.empty()) {
    for (const NodeId item : node(arguments[0]).children) {
      const std::vector<NodeId>& pair = node(item).children;
      if (pair.size() == 2) entries.emplace_back(pair[0], pair[1]);
    }
  }
  const std::vector<NodeId>& children = node(dict).children;
  for (size_t i = 0; i + 1 < children.size(); i += 2) {
    entries.emplace_back(children[i], children[i + 1]);
  }
  return entries;
}

}  // namespace mdn

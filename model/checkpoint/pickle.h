#ifndef MDN_MODEL_CHECKPOINT_PICKLE_H_
#define MDN_MODEL_CHECKPOINT_PICKLE_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace mdn {

/// Index of a node in its Pickle.
using NodeId = uint32_t;
/// The node of None, which every pickle has.
constexpr NodeId kNoneNode = 0;

enum class NodeKind : uint8_t {
  kNone,
  kBool,
  kInteger,
  kBigInteger,
  kFloat,
  kText,
  kBytes,
  kTuple,
  kList,
  kSet,
  kDict,
  kGlobal,
  kCall,
  kPersistent,
};

/// One inert value. A call is what the pickle would have Python compute; nothing is computed.
struct PickleNode {
  NodeKind kind = NodeKind::kNone;
  /// kBool, kInteger.
  int64_t integer = 0;
  /// kFloat.
  double real = 0;
  /// kText, kBytes; kBigInteger: two's complement, little-endian; kGlobal: the module.
  absl::string_view text;
  /// kGlobal: what the module names so.
  absl::string_view name;
  /// kCall: what is called, and its tuple of arguments. kPersistent: the arguments are its id.
  NodeId callee = kNoneNode;
  NodeId arguments = kNoneNode;
  /// kCall: the state that was given to the new object.
  NodeId state = kNoneNode;
  /// Items of a tuple, list or set; keys and values by turns of a dict. A call has what was added
  /// to the new object.
  std::vector<NodeId> children;
};

/// What a pickle describes, as a graph of nodes: it may have cycles, and nodes with many parents.
/// Views the bytes it was parsed from, which must outlive it. Immutable; thread-safe.
class Pickle {
 public:
  static constexpr size_t kMaxBytes = size_t{16} << 20;
  static constexpr size_t kMaxNodes = size_t{1} << 20;

  /// Runs the pickle at the front of `bytes`, protocols 0 to 5, without executing anything of it.
  /// INVALID_ARGUMENT names the opcode and its offset: cut off, malformed, an opcode that
  /// torch.save does not write, or over a bound.
  static absl::StatusOr<Pickle> Parse(absl::string_view bytes);

  NodeId root() const { return root_; }
  /// Bytes that the pickle takes.
  size_t size() const { return size_; }
  size_t node_count() const { return nodes_.size(); }
  const PickleNode& node(NodeId id) const { return nodes_[id]; }

  std::optional<int64_t> Integer(NodeId id) const;
  std::optional<absl::string_view> Text(NodeId id) const;
  bool IsGlobal(NodeId id, absl::string_view module, absl::string_view name) const;
  /// The global that a call calls, as "module.name"; empty for other nodes.
  std::string CalleeName(NodeId id) const;
  /// A call's arguments; none for other nodes.
  const std::vector<NodeId>& Arguments(NodeId id) const;
  /// Whether the node is a dict or a collections.OrderedDict.
  bool IsDict(NodeId id) const;
  /// Keys and values of a dict, in order.
  std::vector<std::pair<NodeId, NodeId>> Entries(NodeId dict) const;

 private:
  Pickle(std::deque<PickleNode> nodes, NodeId root, size_t size);

  std::deque<PickleNode> nodes_;
  NodeId root_;
  size_t size_;
};

}  // namespace mdn

#endif  // MDN_MODEL_CHECKPOINT_PICKLE_H_

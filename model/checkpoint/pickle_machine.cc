#include "model/checkpoint/pickle_machine.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "model/checkpoint/pickle_opcodes.h"
#include "model/checkpoint/printable.h"

namespace mdn {
namespace {

constexpr NodeId kFalseNode = 1;
constexpr NodeId kTrueNode = 2;
constexpr uint64_t kMaxMemo = Pickle::kMaxNodes;

PickleNode BoolNode(bool value) {
  PickleNode node;
  node.kind = NodeKind::kBool;
  node.integer = value ? 1 : 0;
  return node;
}

}  // namespace

PickleMachine::PickleMachine(absl::string_view bytes, size_t max_nodes)
    : bytes_(bytes),
      max_nodes_(max_nodes),
      nodes_({PickleNode(), BoolNode(false), BoolNode(true)}) {}

absl::Status PickleMachine::Run() {
  while (status_.ok() && !stopped_) {
    opcode_offset_ = position_;
    const uint8_t opcode = static_cast<uint8_t>(TakeUnsigned(1));
    if (!status_.ok()) break;
    const PickleOperation operation = FindPickleOperation(opcode);
    if (operation == nullptr) {
      Fail("is not an opcode that torch.save writes");
    } else {
      operation(*this);
    }
  }
  return status_;
}

void PickleMachine::Fail(absl::string_view reason) {
  if (!status_.ok()) return;
  const std::string opcode =
      opcode_offset_ < bytes_.size()
          ? absl::StrCat("opcode 0x",
                         absl::Hex(static_cast<uint8_t>(bytes_[opcode_offset_]), absl::kZeroPad2))
          : "its end";
  status_ = absl::InvalidArgumentError(
      absl::StrCat("pickle: ", opcode, " at byte ", opcode_offset_, " ", reason));
}

absl::string_view PickleMachine::Take(uint64_t count) {
  if (count > bytes_.size() - position_) {
    Fail(absl::StrCat("needs ", count, " bytes, but ", bytes_.size() - position_,
                      " are left; the pickle is cut off, or longer than ", Pickle::kMaxBytes,
                      " bytes"));
    return {};
  }
  const absl::string_view taken = bytes_.substr(position_, count);
  position_ += count;
  return taken;
}

uint64_t PickleMachine::TakeUnsigned(int bytes) {
  uint64_t value = 0;
  int shift = 0;
  for (const char byte : Take(bytes)) {
    value |= static_cast<uint64_t>(static_cast<uint8_t>(byte)) << shift;
    shift += 8;
  }
  return value;
}

int64_t PickleMachine::TakeSigned(int bytes) {
  const int unused_bits = 64 - 8 * bytes;
  return static_cast<int64_t>(TakeUnsigned(bytes) << unused_bits) >> unused_bits;
}

absl::string_view PickleMachine::TakeLine() {
  const size_t end = bytes_.find('\n', position_);
  if (end == absl::string_view::npos) {
    Fail("has no end of line");
    return {};
  }
  const absl::string_view line = bytes_.substr(position_, end - position_);
  position_ = end + 1;
  return line;
}

NodeId PickleMachine::Add(PickleNode node) {
  if (nodes_.size() >= max_nodes_) {
    Fail(absl::StrCat("makes more than ", max_nodes_, " values"));
    return kNoneNode;
  }
  nodes_.push_back(std::move(node));
  return static_cast<NodeId>(nodes_.size() - 1);
}

void PickleMachine::Push(NodeId id) {
  if (stack_.size() >= max_nodes_) return Fail("overflows the stack");
  stack_.push_back(id);
}

void PickleMachine::PushNode(PickleNode node) { Push(Add(std::move(node))); }

void PickleMachine::PushInteger(int64_t value) {
  PickleNode node;
  node.kind = NodeKind::kInteger;
  node.integer = value;
  PushNode(std::move(node));
}

void PickleMachine::PushBool(bool value) { Push(value ? kTrueNode : kFalseNode); }

void PickleMachine::PushFloat(double value) {
  PickleNode node;
  node.kind = NodeKind::kFloat;
  node.real = value;
  PushNode(std::move(node));
}

void PickleMachine::PushBigInteger(absl::string_view bytes) {
  if (bytes.size() > 8) return PushText(NodeKind::kBigInteger, bytes);
  uint64_t value = 0;
  for (size_t i = bytes.size(); i-- > 0;) value = value << 8 | static_cast<uint8_t>(bytes[i]);
  const int unused_bits = 64 - 8 * static_cast<int>(bytes.size());
  if (unused_bits == 64) return PushInteger(0);
  PushInteger(static_cast<int64_t>(value << unused_bits) >> unused_bits);
}

void PickleMachine::PushText(NodeKind kind, absl::string_view text) {
  PickleNode node;
  node.kind = kind;
  node.text = text;
  PushNode(std::move(node));
}

void PickleMachine::PushItems(NodeKind kind, std::vector<NodeId> items) {
  if (kind == NodeKind::kDict && items.size() % 2 != 0) return Fail("has a key without a value");
  PickleNode node;
  node.kind = kind;
  node.children = std::move(items);
  PushNode(std::move(node));
}

NodeId PickleMachine::Top() {
  if (stack_.size() <= Floor()) {
    Fail("finds nothing on the stack");
    return kNoneNode;
  }
  return stack_.back();
}

NodeId PickleMachine::Pop() {
  const NodeId top = Top();
  if (status_.ok()) stack_.pop_back();
  return top;
}

std::vector<NodeId> PickleMachine::PopCount(size_t count) {
  std::vector<NodeId> items(count);
  for (size_t i = count; i-- > 0;) items[i] = Pop();
  return items;
}

void PickleMachine::Mark() {
  if (marks_.size() >= max_nodes_) return Fail("overflows the stack of marks");
  marks_.push_back(stack_.size());
}

std::vector<NodeId> PickleMachine::PopToMark() {
  if (marks_.empty()) {
    Fail("finds no mark on the stack");
    return {};
  }
  const auto first = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
  std::vector<NodeId> items(first, stack_.end());
  stack_.erase(first, stack_.end());
  marks_.pop_back();
  return items;
}

void PickleMachine::Drop() {
  if (!marks_.empty() && marks_.back() == stack_.size()) {
    marks_.pop_back();
  } else {
    Pop();
  }
}

void PickleMachine::Extend(NodeKind kind, const std::vector<NodeId>& items) {
  PickleNode& container = nodes_[Top()];
  if (!status_.ok()) return;
  if (container.kind != kind && container.kind != NodeKind::kCall) {
    return Fail("adds to a value that is no container for it");
  }
  if (kind == NodeKind::kDict && items.size() % 2 != 0) return Fail("has a key without a value");
  container.children.insert(container.children.end(), items.begin(), items.end());
}

void PickleMachine::PushGlobal(absl::string_view module, absl::string_view name) {
  constexpr size_t kMaxName = 1024;
  if (module.size() > kMaxName || name.size() > kMaxName) return Fail("has an endless name");
  PickleNode node;
  node.kind = NodeKind::kGlobal;
  node.text = module;
  node.name = name;
  PushNode(std::move(node));
}

void PickleMachine::PushStackGlobal() {
  const PickleNode& name = nodes_[Pop()];
  const PickleNode& module = nodes_[Pop()];
  if (name.kind != NodeKind::kText || module.kind != NodeKind::kText) {
    return Fail("needs the texts of a module and a name");
  }
  PushGlobal(module.text, name.text);
}

void PickleMachine::PushCall() {
  PickleNode node;
  node.kind = NodeKind::kCall;
  node.arguments = Pop();
  node.callee = Pop();
  PushNode(std::move(node));
}

void PickleMachine::PushPersistent() {
  PickleNode node;
  node.kind = NodeKind::kPersistent;
  node.arguments = Pop();
  PushNode(std::move(node));
}

void PickleMachine::SetState() {
  const NodeId state = Pop();
  PickleNode& object = nodes_[Top()];
  if (!status_.ok()) return;
  if (object.kind != NodeKind::kCall) return Fail("gives a state to a value that is no object");
  object.state = state;
}

void PickleMachine::Stop() {
  result_ = Pop();
  stopped_ = true;
}

void PickleMachine::Memoize(uint64_t index) {
  if (index >= kMaxMemo) return Fail(absl::StrCat("memoizes as number ", index));
  const NodeId top = Top();
  if (index >= memo_.size()) memo_.resize(index + 1, kNoneNode);
  memo_[index] = top;
}

void PickleMachine::Recall(uint64_t index) {
  if (index >= memo_.size()) return Fail(absl::StrCat("recalls number ", index, " in vain"));
  Push(memo_[index]);
}

}  // namespace mdn

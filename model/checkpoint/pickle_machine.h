#ifndef MDN_MODEL_CHECKPOINT_PICKLE_MACHINE_H_
#define MDN_MODEL_CHECKPOINT_PICKLE_MACHINE_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "model/checkpoint/pickle.h"

namespace mdn {

/// The stack machine that a pickle is a program for. Its operations push and combine nodes. The
/// first error sticks: operations after it do nothing harmful, and Run ends with it.
/// Thread-compatible.
class PickleMachine {
 public:
  PickleMachine(absl::string_view bytes, size_t max_nodes);

  absl::Status Run();
  /// After Run.
  NodeId result() const { return result_; }
  size_t position() const { return position_; }
  std::deque<PickleNode> TakeNodes() && { return std::move(nodes_); }

  void Fail(absl::string_view reason);

  absl::string_view Take(uint64_t count);
  /// Little-endian, of 1 to 8 bytes.
  uint64_t TakeUnsigned(int bytes);
  int64_t TakeSigned(int bytes);
  /// Up to the line feed, which is taken too.
  absl::string_view TakeLine();

  void Push(NodeId id);
  void PushNode(PickleNode node);
  void PushInteger(int64_t value);
  void PushBool(bool value);
  void PushFloat(double value);
  void PushBigInteger(absl::string_view bytes);
  void PushText(NodeKind kind, absl::string_view text);
  void PushItems(NodeKind kind, std::vector<NodeId> items);
  NodeId Pop();
  NodeId Top();
  std::vector<NodeId> PopCount(size_t count);

  void Mark();
  std::vector<NodeId> PopToMark();
  /// Removes the mark or the node that is on top.
  void Drop();

  /// Adds to the container on top, of this kind or newly called.
  void Extend(NodeKind kind, const std::vector<NodeId>& items);
  void PushGlobal(absl::string_view module, absl::string_view name);
  void PushStackGlobal();
  void PushCall();
  void PushPersistent();
  void SetState();
  void Stop();

  void Memoize(uint64_t index);
  void Recall(uint64_t index);
  uint64_t memo_size() const { return memo_.size(); }

 private:
  NodeId Add(PickleNode node);
  size_t Floor() const { return marks_.empty() ? 0 : marks_.back(); }

  const absl::string_view bytes_;
  const size_t max_nodes_;
  size_t position_ = 0;
  size_t opcode_offset_ = 0;
  bool stopped_ = false;
  NodeId result_ = kNoneNode;
  absl::Status status_;
  std::deque<PickleNode> nodes_;
  std::vector<NodeId> stack_;
  std::vector<size_t> marks_;
  std::vector<NodeId> memo_;
};

}  // namespace mdn

#endif  // MDN_MODEL_CHECKPOINT_PICKLE_MACHINE_H_

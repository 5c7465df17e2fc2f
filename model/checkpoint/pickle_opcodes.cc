#include "model/checkpoint/pickle_opcodes.h"

#include <array>
#include <cstring>

#include "absl/strings/numbers.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"

namespace mdn {
namespace {

using Machine = PickleMachine;
using Operations = std::array<PickleOperation, 256>;

// Names and numbers as in Python's pickletools.
enum Opcode : uint8_t {
  kMark = '(',
  kStop = '.',
  kPop = '0',
  kPopMark = '1',
  kDup = '2',
  kFloat = 'F',
  kInt = 'I',
  kBinInt = 'J',
  kBinInt1 = 'K',
  kLong = 'L',
  kBinInt2 = 'M',
  kNone = 'N',
  kPersId = 'P',
  kBinPersId = 'Q',
  kReduce = 'R',
  kBinString = 'T',
  kShortBinString = 'U',
  kBinUnicode = 'X',
  kAppend = 'a',
  kBuild = 'b',
  kGlobal = 'c',
  kDict = 'd',
  kEmptyDict = '}',
  kAppends = 'e',
  kGet = 'g',
  kBinGet = 'h',
  kLongBinGet = 'j',
  kList = 'l',
  kEmptyList = ']',
  kPut = 'p',
  kBinPut = 'q',
  kLongBinPut = 'r',
  kSetItem = 's',
  kTuple = 't',
  kEmptyTuple = ')',
  kSetItems = 'u',
  kBinFloat = 'G',
  kBinBytes = 'B',
  kShortBinBytes = 'C',
  kProto = 0x80,
  kNewObj = 0x81,
  kTuple1 = 0x85,
  kTuple2 = 0x86,
  kTuple3 = 0x87,
  kNewTrue = 0x88,
  kNewFalse = 0x89,
  kLong1 = 0x8a,
  kLong4 = 0x8b,
  kShortBinUnicode = 0x8c,
  kBinUnicode8 = 0x8d,
  kBinBytes8 = 0x8e,
  kEmptySet = 0x8f,
  kAddItems = 0x90,
  kFrozenSet = 0x91,
  kNewObjEx = 0x92,
  kStackGlobal = 0x93,
  kMemoize = 0x94,
  kFrame = 0x95,
  kByteArray8 = 0x96,
};

void CheckProtocol(Machine& machine) {
  constexpr uint64_t kNewestProtocol = 5;
  if (machine.TakeUnsigned(1) > kNewestProtocol) machine.Fail("names a protocol after 5");
}

// Frames only tell a reader of a stream how much to buffer.
void SkipFrame(Machine& machine) { machine.TakeUnsigned(8); }

void PushIntegerLine(Machine& machine) {
  const absl::string_view line = machine.TakeLine();
  if (line == "00" || line == "01") return machine.PushBool(line == "01");
  int64_t value = 0;
  if (!absl::SimpleAtoi(absl::StripSuffix(line, "L"), &value)) {
    return machine.Fail("is not followed by a 64-bit integer");
  }
  machine.PushInteger(value);
}

void PushFloatLine(Machine& machine) {
  double value = 0;
  if (!absl::SimpleAtod(machine.TakeLine(), &value)) {
    return machine.Fail("is not followed by a number");
  }
  machine.PushFloat(value);
}

void PushBigEndianFloat(Machine& machine) {
  const uint64_t bits = __builtin_bswap64(machine.TakeUnsigned(8));
  double value = 0;
  std::memcpy(&value, &bits, sizeof(value));
  machine.PushFloat(value);
}

template <int kBytes>
void PushUnsigned(Machine& machine) {
  machine.PushInteger(static_cast<int64_t>(machine.TakeUnsigned(kBytes)));
}

template <int kLengthBytes>
void PushBigInteger(Machine& machine) {
  machine.PushBigInteger(machine.Take(machine.TakeUnsigned(kLengthBytes)));
}

template <NodeKind kKind, int kLengthBytes>
void PushCounted(Machine& machine) {
  machine.PushText(kKind, machine.Take(machine.TakeUnsigned(kLengthBytes)));
}

template <NodeKind kKind>
void PushEmpty(Machine& machine) {
  machine.PushItems(kKind, {});
}

template <NodeKind kKind>
void PushFromMark(Machine& machine) {
  machine.PushItems(kKind, machine.PopToMark());
}

template <size_t kCount>
void PushTuple(Machine& machine) {
  machine.PushItems(NodeKind::kTuple, machine.PopCount(kCount));
}

template <NodeKind kKind, size_t kCount>
void ExtendByCount(Machine& machine) {
  machine.Extend(kKind, machine.PopCount(kCount));
}

template <NodeKind kKind>
void ExtendFromMark(Machine& machine) {
  machine.Extend(kKind, machine.PopToMark());
}

void PushGlobalLines(Machine& machine) {
  const absl::string_view module = machine.TakeLine();
  machine.PushGlobal(module, machine.TakeLine());
}

void PushCallWithKeywords(Machine& machine) {
  machine.Pop();
  machine.PushCall();
}

void PushPersistentLine(Machine& machine) {
  machine.PushText(NodeKind::kText, machine.TakeLine());
  machine.PushPersistent();
}

uint64_t TakeIndexLine(Machine& machine) {
  uint64_t index = 0;
  if (!absl::SimpleAtoi(machine.TakeLine(), &index)) machine.Fail("is not followed by an index");
  return index;
}

template <int kBytes>
void Memoize(Machine& machine) {
  machine.Memoize(machine.TakeUnsigned(kBytes));
}

template <int kBytes>
void Recall(Machine& machine) {
  machine.Recall(machine.TakeUnsigned(kBytes));
}

void AddScalars(Operations& operations) {
  operations[kNone] = [](Machine& machine) { machine.Push(kNoneNode); };
  operations[kNewTrue] = [](Machine& machine) { machine.PushBool(true); };
  operations[kNewFalse] = [](Machine& machine) { machine.PushBool(false); };
  operations[kInt] = operations[kLong] = PushIntegerLine;
  operations[kBinInt] = [](Machine& machine) { machine.PushInteger(machine.TakeSigned(4)); };
  operations[kBinInt1] = PushUnsigned<1>;
  operations[kBinInt2] = PushUnsigned<2>;
  operations[kLong1] = PushBigInteger<1>;
  operations[kLong4] = PushBigInteger<4>;
  operations[kFloat] = PushFloatLine;
  operations[kBinFloat] = PushBigEndianFloat;
  operations[kShortBinString] = operations[kShortBinUnicode] = PushCounted<NodeKind::kText, 1>;
  operations[kBinString] = operations[kBinUnicode] = PushCounted<NodeKind::kText, 4>;
  operations[kBinUnicode8] = PushCounted<NodeKind::kText, 8>;
  operations[kShortBinBytes] = PushCounted<NodeKind::kBytes, 1>;
  operations[kBinBytes] = PushCounted<NodeKind::kBytes, 4>;
  operations[kBinBytes8] = operations[kByteArray8] = PushCounted<NodeKind::kBytes, 8>;
}

void AddContainers(Operations& operations) {
  operations[kEmptyTuple] = PushEmpty<NodeKind::kTuple>;
  operations[kTuple] = PushFromMark<NodeKind::kTuple>;
  operations[kTuple1] = PushTuple<1>;
  operations[kTuple2] = PushTuple<2>;
  operations[kTuple3] = PushTuple<3>;
  operations[kEmptyList] = PushEmpty<NodeKind::kList>;
  operations[kList] = PushFromMark<NodeKind::kList>;
  operations[kAppend] = ExtendByCount<NodeKind::kList, 1>;
  operations[kAppends] = ExtendFromMark<NodeKind::kList>;
  operations[kEmptyDict] = PushEmpty<NodeKind::kDict>;
  operations[kDict] = PushFromMark<NodeKind::kDict>;
  operations[kSetItem] = ExtendByCount<NodeKind::kDict, 2>;
  operations[kSetItems] = ExtendFromMark<NodeKind::kDict>;
  operations[kEmptySet] = PushEmpty<NodeKind::kSet>;
  operations[kFrozenSet] = PushFromMark<NodeKind::kSet>;
  operations[kAddItems] = ExtendFromMark<NodeKind::kSet>;
}

void AddObjects(Operations& operations) {
  operations[kGlobal] = PushGlobalLines;
  operations[kStackGlobal] = [](Machine& machine) { machine.PushStackGlobal(); };
  operations[kReduce] = [](Machine& machine) { machine.PushCall(); };
  operations[kNewObj] = operations[kReduce];
  operations[kNewObjEx] = PushCallWithKeywords;
  operations[kBuild] = [](Machine& machine) { machine.SetState(); };
  operations[kPersId] = PushPersistentLine;
  operations[kBinPersId] = [](Machine& machine) { machine.PushPersistent(); };
}

void AddStackAndMemo(Operations& operations) {
  operations[kProto] = CheckProtocol;
  operations[kFrame] = SkipFrame;
  operations[kStop] = [](Machine& machine) { machine.Stop(); };
  operations[kMark] = [](Machine& machine) { machine.Mark(); };
  operations[kPop] = [](Machine& machine) { machine.Drop(); };
  operations[kPopMark] = [](Machine& machine) { machine.PopToMark(); };
  operations[kDup] = [](Machine& machine) { machine.Push(machine.Top()); };
  operations[kPut] = [](Machine& machine) { machine.Memoize(TakeIndexLine(machine)); };
  operations[kBinPut] = Memoize<1>;
  operations[kLongBinPut] = Memoize<4>;
  operations[kMemoize] = [](Machine& machine) { machine.Memoize(machine.memo_size()); };
  operations[kGet] = [](Machine& machine) { machine.Recall(TakeIndexLine(machine)); };
  operations[kBinGet] = Recall<1>;
  operations[kLongBinGet] = Recall<4>;
}

Operations MakeOperations() {
  Operations operations{};
  AddScalars(operations);
  AddContainers(operations);
  AddObjects(operations);
  AddStackAndMemo(operations);
  return operations;
}

}  // namespace

PickleOperation FindPickleOperation(uint8_t opcode) {
  static const Operations operations = MakeOperations();
  return operations[opcode];
}

}  // namespace mdn

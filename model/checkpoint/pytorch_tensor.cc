#include "model/checkpoint/pytorch_tensor.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "model/checkpoint/printable.h"

namespace mdn {
namespace {

constexpr char kFromType[] = "torch._tensor._rebuild_from_type_v2";
constexpr char kRebuild3[] = "torch._utils._rebuild_tensor_v3";
constexpr const char* kRebuilders[] = {"torch._utils._rebuild_tensor",
                                       "torch._utils._rebuild_tensor_v2", kRebuild3};
constexpr const char* kWrappers[] = {"torch._utils._rebuild_parameter",
                                     "torch._utils._rebuild_parameter_with_state",
                                     "torch.nn.parameter.Parameter"};

template <size_t kCount>
bool IsOneOf(const std::string& name, const char* const (&names)[kCount]) {
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

// A call that makes a tensor, without what is wrapped around it.
struct Rebuild {
  std::string function;
  NodeId arguments = kNoneNode;
};

std::optional<Rebuild> FindRebuild(const Pickle& pickle, NodeId id) {
  constexpr int kMaxWrappers = 4;
  for (int i = 0; i < kMaxWrappers; ++i) {
    const std::string function = pickle.CalleeName(id);
    const std::vector<NodeId>& arguments = pickle.Arguments(id);
    if (IsOneOf(function, kRebuilders)) return Rebuild{function, pickle.node(id).arguments};
    if (function == kFromType && arguments.size() >= 3) {
      const PickleNode& inner = pickle.node(arguments[0]);
      const std::string name = absl::StrCat(inner.text, ".", inner.name);
      if (!IsOneOf(name, kRebuilders)) return std::nullopt;
      return Rebuild{name, arguments[2]};
    }
    if (!IsOneOf(function, kWrappers) || arguments.empty()) return std::nullopt;
    id = arguments[0];
  }
  return std::nullopt;
}

absl::StatusOr<std::vector<int64_t>> ReadIntegers(const Pickle& pickle, NodeId id) {
  constexpr size_t kMaxDims = 16;
  const PickleNode& tuple = pickle.node(id);
  if (tuple.kind != NodeKind::kTuple || tuple.children.size() > kMaxDims) {
    return absl::InvalidArgumentError(
        absl::StrCat("has a shape or strides that are no tuple of at most ", kMaxDims));
  }
  std::vector<int64_t> integers;
  for (const NodeId child : tuple.children) {
    const std::optional<int64_t> integer = pickle.Integer(child);
    if (!integer.has_value() || *integer < 0) {
      return absl::InvalidArgumentError("has a shape or strides that are not counts");
    }
    integers.push_back(*integer);
  }
  return integers;
}

// Version 3 names the type apart from the storage, which is untyped.
absl::Status SetDtype(const Pickle& pickle, const Rebuild& rebuild,
                      const std::vector<NodeId>& arguments, StorageReference& storage) {
  constexpr size_t kDtypeArgument = 6;
  if (rebuild.function == kRebuild3 && arguments.size() > kDtypeArgument) {
    const PickleNode& global = pickle.node(arguments[kDtypeArgument]);
    const std::optional<Dtype> dtype = DtypeOfName(global.name);
    if (!dtype.has_value()) {
      return absl::InvalidArgumentError(
          absl::StrCat("holds ", Printable(global.name), ", which is not supported"));
    }
    if (!storage.dtype.has_value()) storage.size /= ItemBytes(*dtype);
    storage.dtype = dtype;
  }
  if (storage.dtype.has_value()) return absl::OkStatus();
  return absl::InvalidArgumentError("has a storage without a type");
}

// The metadata of version 2 marks views that negate or conjugate on reading.
bool IsLazilyNegated(const Pickle& pickle, const Rebuild& rebuild,
                     const std::vector<NodeId>& arguments) {
  const size_t metadata = rebuild.function == kRebuild3 ? 7 : 6;
  return arguments.size() > metadata && pickle.IsDict(arguments[metadata]) &&
         !pickle.node(arguments[metadata]).children.empty();
}

}  // namespace

absl::StatusOr<StorageReference> ReadStorageReference(const Pickle& pickle, NodeId id) {
  constexpr size_t kMaxKeyBytes = 128;
  const std::vector<NodeId>& items = pickle.node(pickle.node(id).arguments).children;
  if (pickle.node(id).kind != NodeKind::kPersistent || items.size() < 5 ||
      pickle.Text(items[0]) != absl::string_view("storage")) {
    return absl::InvalidArgumentError("has no storage of torch.save");
  }
  const PickleNode& storage_class = pickle.node(items[1]);
  const std::optional<absl::string_view> key = pickle.Text(items[2]);
  const std::optional<int64_t> size = pickle.Integer(items[4]);
  if (storage_class.kind != NodeKind::kGlobal || !key.has_value() || key->size() > kMaxKeyBytes ||
      size.value_or(-1) < 0) {
    return absl::InvalidArgumentError("has a malformed storage");
  }
  StorageReference storage;
  storage.dtype = DtypeOfStorageClass(storage_class.name);
  if (!storage.dtype.has_value() && storage_class.name != "UntypedStorage") {
    return absl::InvalidArgumentError(absl::StrCat(
        "has a storage of class ", Printable(storage_class.name), ", which is not supported"));
  }
  storage.key = std::string(*key);
  storage.size = *size;
  if (items.size() > 5) {
    const std::vector<NodeId>& view = pickle.node(items[5]).children;
    if (view.size() == 3) storage.offset = pickle.Integer(view[1]).value_or(-1);
  }
  return storage;
}

bool IsTensor(const Pickle& pickle, NodeId id) { return FindRebuild(pickle, id).has_value(); }

absl::StatusOr<StoredTensor> ReadTensor(const Pickle& pickle, NodeId id) {
  const std::optional<Rebuild> rebuild = FindRebuild(pickle, id);
  const std::vector<NodeId>& arguments = pickle.node(rebuild->arguments).children;
  if (arguments.size() < 4) return absl::InvalidArgumentError("is rebuilt from too few arguments");
  absl::StatusOr<StorageReference> storage = ReadStorageReference(pickle, arguments[0]);
  if (!storage.ok()) return storage.status();
  const absl::Status typed = SetDtype(pickle, *rebuild, arguments, *storage);
  if (!typed.ok()) return typed;
  const std::optional<int64_t> offset = pickle.Integer(arguments[1]);
  absl::StatusOr<std::vector<int64_t>> shape = ReadIntegers(pickle, arguments[2]);
  if (!shape.ok()) return shape.status();
  absl::StatusOr<std::vector<int64_t>> strides = ReadIntegers(pickle, arguments[3]);
  if (!strides.ok()) return strides.status();

  StoredTensor stored;
  if (!offset.has_value() || strides->size() != shape->size() ||
      __builtin_add_overflow(*offset, storage->offset, &stored.offset)) {
    return absl::InvalidArgumentError("has a malformed view of its storage");
  }
  if (IsLazilyNegated(pickle, *rebuild, arguments)) {
    return absl::InvalidArgumentError("is a negated or conjugated view; save it with .clone()");
  }
  stored.dtype = *storage->dtype;
  stored.shape = *std::move(shape);
  stored.strides = *std::move(strides);
  stored.storage_key = storage->key;
  stored.storage_size = storage->size;
  return stored;
}

}  // namespace mdn

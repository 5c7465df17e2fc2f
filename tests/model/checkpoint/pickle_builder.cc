#include "tests/model/checkpoint/pickle_builder.h"

#include <cstring>

#include "absl/strings/str_cat.h"
#include "tests/model/checkpoint/checkpoint_files.h"

namespace mdn {
namespace {

template <typename T>
std::string LittleEndian(T value) {
  std::string bytes(sizeof(value), '\0');
  std::memcpy(bytes.data(), &value, sizeof(value));
  return bytes;
}

}  // namespace

PickleBuilder& PickleBuilder::Raw(absl::string_view bytes) {
  operations_.append(bytes.data(), bytes.size());
  return *this;
}

PickleBuilder& PickleBuilder::Text(absl::string_view text) {
  return Raw("X").Raw(LittleEndian(static_cast<uint32_t>(text.size()))).Raw(text);
}

PickleBuilder& PickleBuilder::Integer(int64_t value) {
  return Raw("\x8a\x08").Raw(LittleEndian(value));
}

PickleBuilder& PickleBuilder::Integers(const std::vector<int64_t>& values) {
  Raw("(");
  for (const int64_t value : values) Integer(value);
  return Raw("t");
}

PickleBuilder& PickleBuilder::Global(absl::string_view module, absl::string_view name) {
  return Raw(absl::StrCat("c", module, "\n", name, "\n"));
}

PickleBuilder& PickleBuilder::Tensor(const PickledTensor& tensor) {
  Global("torch._utils", "_rebuild_tensor_v2").Raw("((").Text("storage");
  Global("torch", tensor.storage_class).Text(tensor.key).Text("cpu").Integer(tensor.storage_size);
  Raw("tQ").Integer(tensor.offset).Integers(tensor.shape).Integers(tensor.strides);
  return Raw("\x89").Global("collections", "OrderedDict").Raw(")RtR");
}

PickleBuilder& PickleBuilder::ContiguousTensor(const std::string& key,
                                               const std::vector<int64_t>& shape) {
  PickledTensor tensor;
  tensor.key = key;
  tensor.shape = shape;
  tensor.strides.resize(shape.size());
  int64_t count = 1;
  for (size_t i = shape.size(); i-- > 0;) {
    tensor.strides[i] = count;
    count *= shape[i];
  }
  tensor.storage_size = count;
  return Tensor(tensor);
}

PickleBuilder& PickleBuilder::Entries(const std::map<std::string, mdn::Tensor>& tensors,
                                      const std::string& prefix) {
  for (const auto& [name, tensor] : tensors) {
    Text(prefix + name).ContiguousTensor(name, tensor.shape);
  }
  return *this;
}

PickleBuilder& PickleBuilder::StateDict(const std::map<std::string, mdn::Tensor>& tensors,
                                        const std::string& prefix) {
  return Global("collections", "OrderedDict").Raw(")R(").Entries(tensors, prefix).Raw("u");
}

std::string PickleBuilder::Pickle() const { return absl::StrCat("\x80\x02", operations_, "."); }

std::map<std::string, std::string> StoragesOf(const std::map<std::string, Tensor>& tensors) {
  std::map<std::string, std::string> storages;
  for (const auto& [name, tensor] : tensors) storages[name] = FloatBytes(tensor.values);
  return storages;
}

}  // namespace mdn

#include "model/checkpoint/pytorch_legacy.h"

#include <cstdint>
#include <cstring>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "model/checkpoint/pickle.h"
#include "model/checkpoint/printable.h"
#include "model/checkpoint/pytorch_tensor.h"
#include "model/checkpoint/state_dict.h"

namespace mdn {
namespace {

// 0x1950a86a20f9469cfc6c, as Python pickles it.
constexpr absl::string_view kMagic("\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19", 10);
constexpr int64_t kVersion = 1001;

using Storages = std::map<std::string, absl::string_view>;

// The file's pickles one after another, then its raw storages.
class Stream {
 public:
  explicit Stream(absl::string_view bytes) : rest_(bytes) {}

  absl::StatusOr<Pickle> NextPickle() {
    absl::StatusOr<Pickle> pickle = Pickle::Parse(rest_);
    if (pickle.ok()) rest_.remove_prefix(pickle->size());
    return pickle;
  }

  // A storage of the given size, which stands before it.
  absl::StatusOr<absl::string_view> NextStorage(const StorageReference& storage) {
    int64_t size = 0;
    if (rest_.size() < sizeof(size)) return CutOff(storage);
    std::memcpy(&size, rest_.data(), sizeof(size));
    rest_.remove_prefix(sizeof(size));
    if (size != storage.size) {
      return absl::InvalidArgumentError(absl::StrCat("storage ", Printable(storage.key), " has ",
                                                     size, " numbers, expected ", storage.size));
    }
    const int64_t item_bytes = storage.dtype.has_value() ? ItemBytes(*storage.dtype) : 1;
    if (static_cast<uint64_t>(size) > rest_.size() / item_bytes) return CutOff(storage);
    const absl::string_view bytes = rest_.substr(0, size * item_bytes);
    rest_.remove_prefix(bytes.size());
    return bytes;
  }

 private:
  static absl::Status CutOff(const StorageReference& storage) {
    return absl::InvalidArgumentError(absl::StrCat("the file is cut off in storage ",
                                                   Printable(storage.key), " of ", storage.size,
                                                   " numbers"));
  }

  absl::string_view rest_;
};

absl::Status CheckPreamble(Stream& stream) {
  const absl::StatusOr<Pickle> magic = stream.NextPickle();
  if (!magic.ok()) return magic.status();
  const absl::StatusOr<Pickle> version = stream.NextPickle();
  if (!version.ok()) return version.status();
  if (version->Integer(version->root()) != kVersion) {
    return absl::InvalidArgumentError(
        absl::StrCat("is not of version ", kVersion, " of PyTorch's format before 1.6"));
  }
  const absl::StatusOr<Pickle> platform = stream.NextPickle();
  if (!platform.ok()) return platform.status();
  if (!platform->IsDict(platform->root())) {
    return absl::InvalidArgumentError("does not say which platform wrote it");
  }
  for (const auto& [key, value] : platform->Entries(platform->root())) {
    if (platform->Text(key) == absl::string_view("little_endian") &&
        platform->node(value).integer == 0) {
      return absl::InvalidArgumentError("its byte order is big, expected little");
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::map<std::string, StorageReference>> ReferencedStorages(const Pickle& object) {
  std::map<std::string, StorageReference> storages;
  for (NodeId id = 0; id < object.node_count(); ++id) {
    if (object.node(id).kind != NodeKind::kPersistent) continue;
    absl::StatusOr<StorageReference> storage = ReadStorageReference(object, id);
    if (!storage.ok()) {
      return absl::InvalidArgumentError(absl::StrCat("a tensor ", storage.status().message()));
    }
    storages.emplace(storage->key, *storage);
  }
  return storages;
}

absl::StatusOr<Storages> ReadStorages(Stream& stream, const Pickle& object) {
  const auto referenced = ReferencedStorages(object);
  if (!referenced.ok()) return referenced.status();
  const absl::StatusOr<Pickle> keys = stream.NextPickle();
  if (!keys.ok()) return keys.status();
  Storages storages;
  for (const NodeId id : keys->node(keys->root()).children) {
    const std::string key(keys->Text(id).value_or(""));
    const auto reference = referenced->find(key);
    if (reference == referenced->end()) {
      return absl::InvalidArgumentError(
          absl::StrCat("lists a storage ", Printable(key), " that no tensor has"));
    }
    const absl::StatusOr<absl::string_view> bytes = stream.NextStorage(reference->second);
    if (!bytes.ok()) return bytes.status();
    storages[key] = *bytes;
  }
  return storages;
}

}  // namespace

bool IsPyTorchLegacy(absl::string_view bytes) {
  if (bytes.empty() || bytes[0] != '\x80') return false;
  constexpr size_t kMaxMagicBytes = 64;
  const absl::StatusOr<Pickle> pickle = Pickle::Parse(bytes.substr(0, kMaxMagicBytes));
  if (!pickle.ok()) return false;
  const PickleNode& root = pickle->node(pickle->root());
  return root.kind == NodeKind::kBigInteger && root.text == kMagic;
}

absl::StatusOr<StoredTensors> ReadPyTorchLegacy(absl::string_view bytes) {
  Stream stream(bytes);
  const absl::Status preamble = CheckPreamble(stream);
  if (!preamble.ok()) return preamble;
  const absl::StatusOr<Pickle> object = stream.NextPickle();
  if (!object.ok()) return object.status();
  absl::StatusOr<StateDict> state_dict = FindStateDict(*object);
  if (!state_dict.ok()) return state_dict.status();
  absl::StatusOr<Storages> storages = ReadStorages(stream, *object);
  if (!storages.ok()) return storages.status();

  StoredTensors stored;
  stored.tensors = std::move(state_dict->tensors);
  stored.metadata = std::move(state_dict->hints);
  stored.read_storage =
      [storages = *std::move(storages)](const std::string& key) -> absl::StatusOr<std::string> {
    const auto found = storages.find(key);
    if (found == storages.end()) {
      return absl::InvalidArgumentError(absl::StrCat("the file lacks storage ", Printable(key)));
    }
    return std::string(found->second);
  };
  return stored;
}

}  // namespace mdn

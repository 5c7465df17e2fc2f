#include "model/checkpoint/checkpoint_writer.h"

#include <zip.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "model/checkpoint/file_writer.h"

namespace mdn {
namespace {

// This machine's numbers are the files' little-endian ones.
template <typename T>
void AppendNumber(std::string& bytes, T value) {
  bytes.append(reinterpret_cast<const char*>(&value), sizeof(value));
}

std::string FloatBytes(const std::vector<float>& values) {
  return std::string(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float));
}

// Writes a pickle of protocol 2. Opcodes are those of Python's pickle.py. Confined to one thread.
class PickleWriter {
 public:
  PickleWriter() : bytes_("\x80\x02") {}

  void Opcode(char opcode) { bytes_ += opcode; }

  void Global(absl::string_view module, absl::string_view name) {
    absl::StrAppend(&bytes_, "c", module, "\n", name, "\n");
  }

  void Text(absl::string_view text) {
    bytes_ += 'X';
    AppendNumber(bytes_, static_cast<uint32_t>(text.size()));
    absl::StrAppend(&bytes_, text);
  }

  void Integer(int64_t value) {
    if (value <= std::numeric_limits<int32_t>::max()) {
      bytes_ += 'J';
      AppendNumber(bytes_, static_cast<int32_t>(value));
    } else {
      bytes_ += "\x8a\x08";
      AppendNumber(bytes_, value);
    }
  }

  void Tuple(const std::vector<int64_t>& values) {
    Opcode('(');
    for (const int64_t value : values) Integer(value);
    Opcode('t');
  }

  void EmptyOrderedDict() {
    Global("collections", "OrderedDict");
    bytes_ += ")R";
  }

  // torch._utils._rebuild_tensor_v2(storage, offset 0, shape, strides, requires_grad, hooks), the
  // storage by the persistent id ("storage", type, key, place, numbers).
  void FloatTensor(const Tensor& tensor, absl::string_view storage_key) {
    Global("torch._utils", "_rebuild_tensor_v2");
    bytes_ += "((";
    Text("storage");
    Global("torch", "FloatStorage");
    Text(storage_key);
    Text("cpu");
    Integer(static_cast<int64_t>(tensor.values.size()));
    bytes_ += "tQ";
    Integer(0);
    Tuple(tensor.shape);
    std::vector<int64_t> strides(tensor.shape.size(), 1);
    for (size_t i = strides.size(); i-- > 1;) strides[i - 1] = strides[i] * tensor.shape[i];
    Tuple(strides);
    bytes_ += '\x89';
    EmptyOrderedDict();
    bytes_ += "tR";
  }

  std::string Finish() && {
    bytes_ += '.';
    return std::move(bytes_);
  }

 private:
  std::string bytes_;
};

using Record = std::pair<std::string, std::string>;

struct FreeSource {
  void operator()(zip_source_t* source) const { zip_source_free(source); }
};

struct DiscardArchive {
  void operator()(zip_t* archive) const { zip_discard(archive); }
};

bool AddRecord(zip_t* archive, const Record& record) {
  zip_source_t* source = zip_source_buffer(archive, record.second.data(), record.second.size(), 0);
  const zip_int64_t index = zip_file_add(archive, record.first.c_str(), source, ZIP_FL_ENC_UTF_8);
  if (index < 0) {
    zip_source_free(source);
    return false;
  }
  // The first moment that a zip archive can name, in whatever time zone.
  constexpr uint16_t kDosTime = 0, kDosDate = (1 << 5) | 1;
  return zip_set_file_compression(archive, index, ZIP_CM_STORE, 0) == 0 &&
         zip_file_set_dostime(archive, index, kDosTime, kDosDate, 0) == 0;
}

bool ReadAll(zip_source_t* source, std::string& bytes) {
  zip_stat_t stat;
  if (zip_source_stat(source, &stat) != 0 || zip_source_open(source) != 0) return false;
  bytes.resize(stat.size);
  const zip_int64_t read = zip_source_read(source, bytes.data(), bytes.size());
  zip_source_close(source);
  return read == static_cast<zip_int64_t>(bytes.size());
}

absl::StatusOr<std::string> ZipBytes(const std::vector<Record>& records) {
  const absl::Status failure = absl::ResourceExhaustedError("no memory for a zip archive");
  const std::unique_ptr<zip_source_t, FreeSource> target(
      zip_source_buffer_create(nullptr, 0, 0, nullptr));
  if (target == nullptr) return failure;
  zip_source_keep(target.get());
  std::unique_ptr<zip_t, DiscardArchive> archive(
      zip_open_from_source(target.get(), ZIP_CREATE | ZIP_TRUNCATE, nullptr));
  if (archive == nullptr) {
    zip_source_free(target.get());
    return failure;
  }
  for (const Record& record : records) {
    if (!AddRecord(archive.get(), record)) return failure;
  }
  if (zip_close(archive.get()) != 0) return failure;
  static_cast<void>(archive.release());
  std::string bytes;
  if (!ReadAll(target.get(), bytes)) return failure;
  return bytes;
}

// pi_network.0.weight, pi_network.0.bias, pi_network.2.weight, …: as the reference's modules are
// declared.
std::vector<std::string> NamesInOrder(const std::map<std::string, Tensor>& tensors) {
  std::vector<std::string> names;
  names.reserve(tensors.size());
  for (const auto& [name, tensor] : tensors) names.push_back(name);
  const auto rank = [](const std::string& name) {
    const std::string layer = name.substr(0, name.rfind('.'));
    return std::make_tuple(!absl::StartsWith(name, "pi_network."), layer,
                           !absl::EndsWith(name, ".weight"));
  };
  std::sort(names.begin(), names.end(), [&rank](const std::string& a, const std::string& b) {
    return rank(a) < rank(b);
  });
  return names;
}

}  // namespace

std::string SafetensorsBytes(const ModelConfig& config,
                             const std::map<std::string, Tensor>& tensors) {
  constexpr size_t kAlignment = 8;
  nlohmann::json header = {{"__metadata__", ConfigMetadata(config)}};
  std::string data;
  for (const auto& [name, tensor] : tensors) {
    const size_t begin = data.size();
    data += FloatBytes(tensor.values);
    header[name] = {
        {"dtype", "F32"}, {"shape", tensor.shape}, {"data_offsets", {begin, data.size()}}};
  }
  std::string text = header.dump();
  text.resize((text.size() + kAlignment - 1) / kAlignment * kAlignment, ' ');
  std::string bytes;
  AppendNumber(bytes, uint64_t{text.size()});
  return absl::StrCat(bytes, text, data);
}

absl::StatusOr<std::string> PyTorchBytes(const std::map<std::string, Tensor>& tensors) {
  PickleWriter pickle;
  std::vector<Record> storages;
  pickle.EmptyOrderedDict();
  pickle.Opcode('(');
  for (const std::string& name : NamesInOrder(tensors)) {
    const Tensor& tensor = tensors.at(name);
    const std::string key = absl::StrCat(storages.size());
    pickle.Text(name);
    pickle.FloatTensor(tensor, key);
    storages.emplace_back(absl::StrCat("model/data/", key), FloatBytes(tensor.values));
  }
  pickle.Opcode('u');
  std::vector<Record> records = {{"model/data.pkl", std::move(pickle).Finish()},
                                 {"model/byteorder", "little"}};
  std::move(storages.begin(), storages.end(), std::back_inserter(records));
  records.emplace_back("model/version", "3\n");
  return ZipBytes(records);
}

absl::Status SaveCheckpoint(const std::string& directory, const ModelConfig& config,
                            const std::map<std::string, Tensor>& tensors) {
  const absl::StatusOr<std::string> pytorch = PyTorchBytes(tensors);
  if (!pytorch.ok()) return pytorch.status();
  const Record files[] = {{"model.safetensors", SafetensorsBytes(config, tensors)},
                          {"model.pt", *pytorch},
                          {"model.json", absl::StrCat(ConfigJson(config), "\n")}};
  for (const auto& [name, bytes] : files) {
    absl::Status status = WriteFileAtomically(absl::StrCat(directory, "/", name), bytes);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace mdn

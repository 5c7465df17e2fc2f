#include "tests/model/checkpoint/checkpoint_files.h"

#include <unistd.h>
#include <zip.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "absl/strings/str_cat.h"

namespace mdn {
namespace {

void Require(bool holds, const char* what) {
  if (!holds) throw std::runtime_error(what);
}

std::string ReadSource(zip_source_t* source) {
  Require(zip_source_open(source) == 0, "zip_source_open");
  zip_source_seek(source, 0, SEEK_END);
  std::string bytes(static_cast<size_t>(zip_source_tell(source)), '\0');
  zip_source_seek(source, 0, SEEK_SET);
  Require(
      zip_source_read(source, bytes.data(), bytes.size()) == static_cast<zip_int64_t>(bytes.size()),
      "zip_source_read");
  zip_source_close(source);
  return bytes;
}

Tensor MakeTensor(const std::vector<int64_t>& shape, float first) {
  Tensor tensor;
  tensor.shape = shape;
  int64_t count = 1;
  for (const int64_t size : shape) count *= size;
  for (int64_t i = 0; i < count; ++i) tensor.values.push_back(first + 0.125f * i);
  return tensor;
}

}  // namespace

std::string GoldenPath(const std::string& name) { return absl::StrCat(MDN_TEST_DATA, "/", name); }

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  Require(file.good(), path.c_str());
  return std::string(std::istreambuf_iterator<char>(file), {});
}

std::vector<std::string> GoldenNames() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(MDN_TEST_DATA)) {
    const std::string extension = entry.path().extension();
    if (extension == ".pt" || extension == ".ts") names.push_back(entry.path().filename());
  }
  std::sort(names.begin(), names.end());
  return names;
}

LoadOptions WithNoiseType(NoiseType type) {
  LoadOptions options;
  options.flags.origin = "--noise_type";
  options.flags.noise_type = type;
  return options;
}

std::string ZipOf(const std::map<std::string, std::string>& records, bool compressed) {
  zip_source_t* target = zip_source_buffer_create(nullptr, 0, 0, nullptr);
  zip_source_keep(target);
  zip_t* archive = zip_open_from_source(target, ZIP_CREATE | ZIP_TRUNCATE, nullptr);
  Require(archive != nullptr, "zip_open_from_source");
  for (const auto& [name, bytes] : records) {
    zip_source_t* source = zip_source_buffer(archive, bytes.data(), bytes.size(), 0);
    const zip_int64_t index = zip_file_add(archive, name.c_str(), source, ZIP_FL_ENC_UTF_8);
    zip_set_file_compression(archive, index, compressed ? ZIP_CM_DEFLATE : ZIP_CM_STORE, 0);
  }
  Require(zip_close(archive) == 0, "zip_close");
  std::string bytes = ReadSource(target);
  zip_source_free(target);
  return bytes;
}

std::string TorchArchive(const std::string& pickle,
                         const std::map<std::string, std::string>& data) {
  std::map<std::string, std::string> records = {{"net/data.pkl", pickle}, {"net/version", "3\n"}};
  for (const auto& [key, bytes] : data) records[absl::StrCat("net/data/", key)] = bytes;
  return ZipOf(records);
}

std::string SafetensorsFile(absl::string_view header, absl::string_view data) {
  const uint64_t length = header.size();
  std::string file(sizeof(length), '\0');
  std::memcpy(file.data(), &length, sizeof(length));
  absl::StrAppend(&file, header, data);
  return file;
}

std::string SafetensorsOf(const std::map<std::string, Tensor>& tensors,
                          const std::map<std::string, std::string>& metadata) {
  nlohmann::json header = nlohmann::json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  std::string data;
  for (const auto& [name, tensor] : tensors) {
    const size_t begin = data.size();
    data += FloatBytes(tensor.values);
    header[name] = {{"dtype", "F32"},
                    {"shape", tensor.shape},
                    {"data_offsets", std::vector<size_t>{begin, data.size()}}};
  }
  return SafetensorsFile(header.dump(), data);
}

std::map<std::string, Tensor> NetworkOf(int64_t dim_in, int64_t hidden, int64_t components,
                                        int64_t outputs) {
  std::map<std::string, Tensor> tensors;
  float first = -3;
  const auto add = [&](const std::string& layer, int64_t out, int64_t in) {
    tensors[layer + ".weight"] = MakeTensor({out, in}, first += 0.01f);
    tensors[layer + ".bias"] = MakeTensor({out}, first += 0.01f);
  };
  for (const std::string network : {"pi_network", "normal_network"}) {
    add(network + ".0", hidden, dim_in);
    add(network + ".2", hidden, hidden);
    add(network + ".4", network == "pi_network" ? components : outputs, hidden);
  }
  return tensors;
}

std::string FloatBytes(const std::vector<float>& values) {
  std::string bytes(values.size() * sizeof(float), '\0');
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

}  // namespace mdn

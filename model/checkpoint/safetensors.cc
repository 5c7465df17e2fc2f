#include "model/checkpoint/safetensors.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "model/checkpoint/json_text.h"
#include "model/checkpoint/printable.h"

namespace mdn {
namespace {

using nlohmann::json;

constexpr uint64_t kLengthBytes = 8;
constexpr uint64_t kMaxHeaderBytes = uint64_t{1} << 20;
constexpr size_t kMaxTensors = 1024;
constexpr char kMetadata[] = "__metadata__";

struct Range {
  uint64_t begin = 0;
  uint64_t end = 0;
};

struct Header {
  std::map<std::string, StoredTensor> tensors;
  std::map<std::string, Range> ranges;
  std::map<std::string, std::string> metadata;
};

uint64_t HeaderLength(absl::string_view bytes) {
  uint64_t length = 0;
  std::memcpy(&length, bytes.data(), kLengthBytes);
  return length;
}

absl::Status Refuse(const std::string& name, absl::string_view reason) {
  return absl::InvalidArgumentError(absl::StrCat("tensor ", Printable(name), " ", reason));
}

absl::StatusOr<absl::string_view> HeaderText(absl::string_view bytes) {
  if (bytes.size() < kLengthBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("safetensors: ", bytes.size(), " bytes, expected at least ", kLengthBytes));
  }
  const uint64_t length = HeaderLength(bytes);
  if (length > kMaxHeaderBytes) {
    return absl::InvalidArgumentError(absl::StrCat("safetensors: a header of ", length,
                                                   " bytes, expected at most ", kMaxHeaderBytes));
  }
  if (length > bytes.size() - kLengthBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("safetensors: a header of ", length, " bytes, but the file has ",
                     bytes.size() - kLengthBytes, " more; it is cut off"));
  }
  const absl::string_view text = bytes.substr(kLengthBytes, length);
  if (text.empty() || text[0] != '{') {
    return absl::InvalidArgumentError("safetensors: the header does not begin with {");
  }
  return text;
}

// A list of numbers that are not negative and fit into 63 bits; empty status otherwise.
bool ReadCounts(const json& value, std::vector<int64_t>& counts) {
  if (!value.is_array()) return false;
  for (const json& item : value) {
    if (!item.is_number_unsigned() || item.get<uint64_t>() > uint64_t{INT64_MAX}) return false;
    counts.push_back(item.get<int64_t>());
  }
  return true;
}

// Row-major strides; false where a product overflows.
bool SetContiguous(StoredTensor& tensor) {
  int64_t count = 1;
  tensor.strides.resize(tensor.shape.size());
  for (size_t i = tensor.shape.size(); i-- > 0;) {
    tensor.strides[i] = count;
    if (__builtin_mul_overflow(count, tensor.shape[i], &count)) return false;
  }
  tensor.storage_size = count;
  return true;
}

absl::Status CheckLength(const std::string& name, const StoredTensor& tensor, const Range& range) {
  int64_t bytes = 0;
  const bool overflows =
      __builtin_mul_overflow(tensor.storage_size, ItemBytes(tensor.dtype), &bytes);
  if (!overflows && range.begin <= range.end &&
      range.end - range.begin == static_cast<uint64_t>(bytes)) {
    return absl::OkStatus();
  }
  return Refuse(name, absl::StrCat("has data_offsets [", range.begin, ", ", range.end,
                                   "], which do not fit shape ", ShapeText(tensor.shape), " of ",
                                   DtypeName(tensor.dtype)));
}

absl::Status ReadTensor(const std::string& name, const json& entry, Header& header) {
  if (!entry.is_object() || entry.size() != 3 || !entry.contains("dtype") ||
      !entry.contains("shape") || !entry.contains("data_offsets")) {
    return Refuse(name, "needs exactly dtype, shape and data_offsets");
  }
  const json& dtype_name = entry["dtype"];
  const std::optional<Dtype> dtype =
      dtype_name.is_string() ? DtypeOfSafetensors(dtype_name.get<std::string>()) : std::nullopt;
  if (!dtype.has_value()) {
    return Refuse(name, absl::StrCat("has dtype ", JsonExcerpt(dtype_name),
                                     ", expected F32, F64, F16 or BF16"));
  }
  constexpr size_t kMaxDims = 16;
  StoredTensor tensor;
  tensor.dtype = *dtype;
  tensor.storage_key = name;
  std::vector<int64_t> offsets;
  if (!ReadCounts(entry["shape"], tensor.shape) || tensor.shape.size() > kMaxDims) {
    return Refuse(name,
                  absl::StrCat("has a shape that is no list of at most ", kMaxDims, " counts"));
  }
  if (!ReadCounts(entry["data_offsets"], offsets) || offsets.size() != 2) {
    return Refuse(name, "has data_offsets that are not two counts");
  }
  if (!SetContiguous(tensor)) return Refuse(name, "has a shape whose product overflows");
  const Range range{static_cast<uint64_t>(offsets[0]), static_cast<uint64_t>(offsets[1])};
  absl::Status length = CheckLength(name, tensor, range);
  if (!length.ok()) return length;
  header.ranges.emplace(name, range);
  header.tensors.emplace(name, std::move(tensor));
  return absl::OkStatus();
}

absl::Status ReadMetadata(const json& metadata, Header& header) {
  if (!metadata.is_object()) return absl::InvalidArgumentError("__metadata__ is no object");
  for (const auto& [key, value] : metadata.items()) {
    if (!value.is_string()) {
      return absl::InvalidArgumentError(absl::StrCat("__metadata__: ", Printable(key), " is ",
                                                     JsonExcerpt(value), ", expected a string"));
    }
    header.metadata.emplace(key, value.get<std::string>());
  }
  return absl::OkStatus();
}

absl::StatusOr<Header> ReadHeader(absl::string_view text) {
  const absl::StatusOr<json> parsed =
      ParseJsonObject(text, [](const std::string&) { return true; });
  if (!parsed.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("safetensors: the header ", parsed.status().message()));
  }
  if (parsed->size() > kMaxTensors + 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("safetensors: ", parsed->size(), " tensors, expected at most ", kMaxTensors));
  }
  Header header;
  for (const auto& [name, entry] : parsed->items()) {
    const absl::Status status =
        name == kMetadata ? ReadMetadata(entry, header) : ReadTensor(name, entry, header);
    if (!status.ok()) return status;
  }
  return header;
}

// The tensors must follow one another from the data's beginning to its end.
absl::Status CheckLayout(const Header& header, uint64_t data_bytes) {
  std::vector<std::pair<Range, std::string>> ordered;
  for (const auto& [name, range] : header.ranges) ordered.emplace_back(range, name);
  std::sort(ordered.begin(), ordered.end(), [](const auto& a, const auto& b) {
    return std::make_pair(a.first.begin, a.first.end) < std::make_pair(b.first.begin, b.first.end);
  });
  uint64_t end = 0;
  for (const auto& [range, name] : ordered) {
    if (range.begin != end) {
      return Refuse(name,
                    absl::StrCat("begins at ", range.begin, ", but the one before ends at ", end));
    }
    end = range.end;
  }
  if (end == data_bytes) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("safetensors: the tensors end at byte ", end,
                                                 " of ", data_bytes, " bytes of data"));
}

}  // namespace

bool LooksLikeSafetensors(absl::string_view bytes) {
  if (bytes.size() <= kLengthBytes) return false;
  return bytes[kLengthBytes] == '{' || HeaderLength(bytes) <= bytes.size() - kLengthBytes;
}

absl::StatusOr<StoredTensors> ReadSafetensors(absl::string_view bytes) {
  const absl::StatusOr<absl::string_view> text = HeaderText(bytes);
  if (!text.ok()) return text.status();
  absl::StatusOr<Header> header = ReadHeader(*text);
  if (!header.ok()) return header.status();
  const absl::string_view data = bytes.substr(kLengthBytes + text->size());
  const absl::Status layout = CheckLayout(*header, data.size());
  if (!layout.ok()) return layout;
  absl::StatusOr<ConfigHints> hints = ParseConfigMetadata(header->metadata, kMetadata);
  if (!hints.ok()) return hints.status();

  StoredTensors stored;
  stored.metadata = *std::move(hints);
  stored.tensors = std::move(header->tensors);
  stored.read_storage = [data, ranges = std::move(header->ranges)](
                            const std::string& name) -> absl::StatusOr<std::string> {
    const Range& range = ranges.at(name);
    return std::string(data.substr(range.begin, range.end - range.begin));
  };
  return stored;
}

}  // namespace mdn

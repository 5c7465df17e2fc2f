#include "server/rpc/tensor_codec.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "absl/base/casts.h"
#include "absl/base/config.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#ifndef ABSL_IS_LITTLE_ENDIAN
#error "Tensor.raw is little-endian: this host would need to swap bytes"
#endif

namespace mdn {
namespace {

constexpr int kMaxDimensions = 32;

absl::Span<const int64_t> Shape(const v1::Tensor& tensor) {
  return absl::MakeConstSpan(tensor.shape().data(), tensor.shape_size());
}

/// "row 2, element 1" of a tensor whose last dimension has `width` elements.
std::string Position(int64_t index, absl::Span<const int64_t> shape) {
  const int64_t width = shape.empty() ? 1 : shape.back();
  return absl::StrCat("row ", index / width, ", element ", index % width);
}

absl::Status CheckFilled(absl::string_view field, const v1::Tensor& tensor, int64_t count) {
  const bool has_values = tensor.values_size() > 0;
  const bool has_raw = !tensor.raw().empty();
  if (has_values && has_raw) {
    return absl::InvalidArgumentError(
        absl::StrCat(field, ": both values and raw are filled; expected exactly one of them"));
  }
  if (!has_values && !has_raw && count > 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(field, ": neither values nor raw is filled; shape ", ShapeText(Shape(tensor)),
                     " expects ", count, " elements"));
  }
  if (has_values && tensor.values_size() != count) {
    return absl::InvalidArgumentError(absl::StrCat(field, ": values holds ", tensor.values_size(),
                                                   " elements; shape ", ShapeText(Shape(tensor)),
                                                   " expects ", count));
  }
  if (has_raw && (tensor.raw().size() % sizeof(float) != 0 ||
                  static_cast<int64_t>(tensor.raw().size() / sizeof(float)) != count)) {
    return absl::InvalidArgumentError(absl::StrCat(field, ": raw holds ", tensor.raw().size(),
                                                   " bytes; shape ", ShapeText(Shape(tensor)),
                                                   " expects ", count, " elements of 4 bytes"));
  }
  return absl::OkStatus();
}

/// Looks at all of them at once, without a branch.
bool AllFinite(absl::Span<const float> values) {
  constexpr uint32_t kMagnitude = 0x7FFFFFFF, kInfinity = 0x7F800000;
  uint32_t largest = 0;
  for (const float value : values) {
    largest = std::max(largest, absl::bit_cast<uint32_t>(value) & kMagnitude);
  }
  return largest < kInfinity;
}

absl::Status CheckFinite(absl::string_view field, absl::Span<const float> values,
                         absl::Span<const int64_t> shape) {
  if (AllFinite(values)) return absl::OkStatus();
  const auto* const bad =
      std::find_if(values.begin(), values.end(), [](float value) { return !std::isfinite(value); });
  return absl::InvalidArgumentError(absl::StrCat(field, ": ", Position(bad - values.begin(), shape),
                                                 " is ", *bad, "; expected a finite number"));
}

}  // namespace

std::string ShapeText(absl::Span<const int64_t> shape) {
  return absl::StrCat("[", absl::StrJoin(shape, ", "), "]");
}

absl::StatusOr<int64_t> ElementCount(absl::string_view field, absl::Span<const int64_t> shape) {
  if (shape.size() > kMaxDimensions) {
    return absl::InvalidArgumentError(absl::StrCat(
        field, ": shape has ", shape.size(), " dimensions; expected at most ", kMaxDimensions));
  }
  int64_t count = 1;
  bool overflow = false;
  bool empty = false;
  for (const int64_t size : shape) {
    if (size < 0) {
      return absl::InvalidArgumentError(
          absl::StrCat(field, ": shape ", ShapeText(shape), " has a negative dimension"));
    }
    empty |= size == 0;
    overflow |= __builtin_mul_overflow(count, size, &count);
  }
  if (empty) return 0;
  if (overflow) {
    return absl::InvalidArgumentError(
        absl::StrCat(field, ": shape ", ShapeText(shape), " has more elements than 2^63 - 1"));
  }
  return count;
}

absl::StatusOr<TensorReader> TensorReader::Read(absl::string_view field, const v1::Tensor& tensor) {
  TensorReader reader;
  reader.shape_ = Shape(tensor);
  const absl::StatusOr<int64_t> count = ElementCount(field, reader.shape_);
  if (!count.ok()) return count.status();
  if (absl::Status status = CheckFilled(field, tensor, *count); !status.ok()) return status;
  if (tensor.raw().empty()) {
    reader.values_ = absl::MakeConstSpan(tensor.values().data(), tensor.values_size());
  } else {
    reader.decoded_.resize(*count);
    std::memcpy(reader.decoded_.data(), tensor.raw().data(), tensor.raw().size());
    reader.values_ = reader.decoded_;
  }
  if (absl::Status status = CheckFinite(field, reader.values_, reader.shape_); !status.ok()) {
    return status;
  }
  return reader;
}

absl::StatusOr<v1::TensorEncoding> ResponseEncoding(v1::TensorEncoding requested,
                                                    const v1::Tensor& x) {
  switch (requested) {
    case v1::TENSOR_ENCODING_UNSPECIFIED:
      return x.raw().empty() ? v1::TENSOR_ENCODING_VALUES : v1::TENSOR_ENCODING_RAW;
    case v1::TENSOR_ENCODING_VALUES:
    case v1::TENSOR_ENCODING_RAW:
      return requested;
    default:
      return absl::InvalidArgumentError(absl::StrCat("encoding: got ", static_cast<int>(requested),
                                                     "; expected 0 (as x), 1 (values) or 2 (raw)"));
  }
}

}  // namespace mdn

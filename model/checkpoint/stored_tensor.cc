#include "model/checkpoint/stored_tensor.h"

#include <cmath>
#include <cstddef>
#include <limits>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "model/checkpoint/printable.h"

namespace mdn {
namespace {

absl::Status Refuse(const std::string& name, absl::string_view reason) {
  return absl::InvalidArgumentError(absl::StrCat(Printable(name), " ", reason));
}

struct Extent {
  int64_t count = 1;
  int64_t last = 0;
  bool repeats = false;
  bool overflows = false;
};

Extent Measure(const StoredTensor& stored) {
  Extent extent;
  extent.last = stored.offset;
  extent.overflows = stored.offset < 0;
  for (size_t i = 0; i < stored.shape.size(); ++i) {
    const int64_t size = stored.shape[i];
    const int64_t stride = stored.strides[i];
    int64_t reach = 0;
    extent.overflows |= size < 0 || stride < 0;
    extent.overflows |= __builtin_mul_overflow(extent.count, size, &extent.count);
    extent.overflows |= __builtin_mul_overflow(size == 0 ? 0 : size - 1, stride, &reach);
    extent.overflows |= __builtin_add_overflow(extent.last, reach, &extent.last);
    extent.repeats |= size > 1 && stride == 0;
  }
  return extent;
}

absl::Status CheckExtent(const std::string& name, const StoredTensor& stored,
                         const Extent& extent) {
  if (extent.overflows) {
    return Refuse(
        name, absl::StrCat("has an impossible view of its storage: shape ", ShapeText(stored.shape),
                           ", strides ", ShapeText(stored.strides), ", offset ", stored.offset));
  }
  if (extent.repeats || extent.count > stored.storage_size) {
    return Refuse(name,
                  absl::StrCat("repeats its storage: shape ", ShapeText(stored.shape), " over ",
                               stored.storage_size, " numbers; save it with .contiguous()"));
  }
  if (extent.count > 0 && extent.last >= stored.storage_size) {
    return Refuse(name, absl::StrCat("ends at number ", extent.last, " of a storage of ",
                                     stored.storage_size, " numbers"));
  }
  return absl::OkStatus();
}

absl::Status CheckStorage(const std::string& name, const StoredTensor& stored,
                          absl::string_view storage) {
  const size_t item_bytes = static_cast<size_t>(ItemBytes(stored.dtype));
  const bool fits = storage.size() % item_bytes == 0 && stored.storage_size >= 0 &&
                    storage.size() / item_bytes == static_cast<size_t>(stored.storage_size);
  if (fits) return absl::OkStatus();
  return Refuse(name, absl::StrCat("has a storage of ", storage.size(), " bytes, expected ",
                                   stored.storage_size, " numbers of ", DtypeName(stored.dtype)));
}

// Steps `index` to the next element in row-major order and `position` with it.
void Advance(const StoredTensor& stored, std::vector<int64_t>& index, int64_t& position) {
  for (size_t i = index.size(); i-- > 0;) {
    if (index[i] + 1 < stored.shape[i]) {
      ++index[i];
      position += stored.strides[i];
      return;
    }
    position -= index[i] * stored.strides[i];
    index[i] = 0;
  }
}

absl::Status NotFinite(const std::string& name, const std::vector<int64_t>& index, double value) {
  const std::string element = absl::StrCat(name, ShapeText(index));
  if (!std::isfinite(value)) {
    return Refuse(element, absl::StrCat("is ", value, "; weights must be finite"));
  }
  return Refuse(element, absl::StrCat("is ", value, ", which float32 cannot hold"));
}

}  // namespace

std::string ShapeText(const std::vector<int64_t>& shape) {
  constexpr size_t kMaxDims = 8;
  if (shape.size() <= kMaxDims) return absl::StrCat("[", absl::StrJoin(shape, ", "), "]");
  return absl::StrCat("[", absl::StrJoin(shape.begin(), shape.begin() + kMaxDims, ", "), ", ...]");
}

absl::StatusOr<Tensor> Materialise(const std::string& name, const StoredTensor& stored,
                                   absl::string_view storage) {
  if (!IsFloating(stored.dtype)) {
    return Refuse(name, absl::StrCat("holds ", DtypeName(stored.dtype),
                                     ", expected float32, float64, float16 or bfloat16"));
  }
  const Extent extent = Measure(stored);
  absl::Status status = CheckExtent(name, stored, extent);
  if (status.ok()) status = CheckStorage(name, stored, storage);
  if (!status.ok()) return status;

  Tensor tensor;
  tensor.shape = stored.shape;
  tensor.values.resize(static_cast<size_t>(extent.count));
  std::vector<int64_t> index(stored.shape.size(), 0);
  int64_t position = stored.offset;
  for (float& value : tensor.values) {
    const double number =
        ReadNumber(stored.dtype, storage.data() + position * ItemBytes(stored.dtype));
    if (!(std::abs(number) <= std::numeric_limits<float>::max())) {
      return NotFinite(name, index, number);
    }
    value = static_cast<float>(number);
    Advance(stored, index, position);
  }
  return tensor;
}

}  // namespace mdn

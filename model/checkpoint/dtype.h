#ifndef MDN_MODEL_CHECKPOINT_DTYPE_H_
#define MDN_MODEL_CHECKPOINT_DTYPE_H_

#include <cstdint>
#include <optional>

#include "absl/strings/string_view.h"

namespace mdn {

/// What the numbers of a stored tensor are, by PyTorch's names.
enum class Dtype {
  kFloat32,
  kFloat64,
  kFloat16,
  kBfloat16,
  kInt64,
  kInt32,
  kInt16,
  kInt8,
  kUint8,
  kBool,
  kComplex64,
  kComplex128,
};

/// "float32", …
absl::string_view DtypeName(Dtype dtype);
int64_t ItemBytes(Dtype dtype);
/// One of the four that become float32 weights.
bool IsFloating(Dtype dtype);

/// From "float32", …
std::optional<Dtype> DtypeOfName(absl::string_view name);
/// From a class of module torch, "FloatStorage", …
std::optional<Dtype> DtypeOfStorageClass(absl::string_view name);
/// From a safetensors header, "F32", …; only floating ones.
std::optional<Dtype> DtypeOfSafetensors(absl::string_view name);

/// Reads one little-endian number. Requires IsFloating(dtype); `item` has ItemBytes(dtype).
double ReadNumber(Dtype dtype, const char* item);

}  // namespace mdn

#endif  // MDN_MODEL_CHECKPOINT_DTYPE_H_

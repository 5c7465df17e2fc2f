#include "model/checkpoint/dtype.h"

#include <cmath>
#include <cstring>
#include <limits>

namespace mdn {
namespace {

struct Description {
  Dtype dtype;
  const char* name;
  const char* storage_class;
  const char* safetensors;
  int64_t bytes;
};

constexpr Description kDescriptions[] = {
    {Dtype::kFloat32, "float32", "FloatStorage", "F32", 4},
    {Dtype::kFloat64, "float64", "DoubleStorage", "F64", 8},
    {Dtype::kFloat16, "float16", "HalfStorage", "F16", 2},
    {Dtype::kBfloat16, "bfloat16", "BFloat16Storage", "BF16", 2},
    {Dtype::kInt64, "int64", "LongStorage", "", 8},
    {Dtype::kInt32, "int32", "IntStorage", "", 4},
    {Dtype::kInt16, "int16", "ShortStorage", "", 2},
    {Dtype::kInt8, "int8", "CharStorage", "", 1},
    {Dtype::kUint8, "uint8", "ByteStorage", "", 1},
    {Dtype::kBool, "bool", "BoolStorage", "", 1},
    {Dtype::kComplex64, "complex64", "ComplexFloatStorage", "", 8},
    {Dtype::kComplex128, "complex128", "ComplexDoubleStorage", "", 16},
};

const Description& Describe(Dtype dtype) { return kDescriptions[static_cast<int>(dtype)]; }

std::optional<Dtype> Find(const char* Description::*field, absl::string_view name) {
  for (const Description& description : kDescriptions) {
    if (!name.empty() && name == description.*field) return description.dtype;
  }
  return std::nullopt;
}

// x86-64 and arm64 are little-endian, as the files are.
template <typename T>
T Load(const char* item) {
  T value;
  std::memcpy(&value, item, sizeof(value));
  return value;
}

double Float16ToDouble(uint16_t bits) {
  const double sign = (bits & 0x8000) != 0 ? -1 : 1;
  const int exponent = (bits >> 10) & 0x1f;
  const int fraction = bits & 0x3ff;
  if (exponent == 0x1f) {
    return fraction == 0 ? sign * std::numeric_limits<double>::infinity()
                         : std::numeric_limits<double>::quiet_NaN();
  }
  if (exponent == 0) return sign * std::ldexp(fraction, -24);
  return sign * std::ldexp(fraction + 0x400, exponent - 25);
}

double Bfloat16ToDouble(uint16_t bits) {
  const uint32_t widened = static_cast<uint32_t>(bits) << 16;
  return Load<float>(reinterpret_cast<const char*>(&widened));
}

}  // namespace

absl::string_view DtypeName(Dtype dtype) { return Describe(dtype).name; }

int64_t ItemBytes(Dtype dtype) { return Describe(dtype).bytes; }

bool IsFloating(Dtype dtype) { return dtype <= Dtype::kBfloat16; }

std::optional<Dtype> DtypeOfName(absl::string_view name) { return Find(&Description::name, name); }

std::optional<Dtype> DtypeOfStorageClass(absl::string_view name) {
  return Find(&Description::storage_class, name);
}

std::optional<Dtype> DtypeOfSafetensors(absl::string_view name) {
  return Find(&Description::safetensors, name);
}

double ReadNumber(Dtype dtype, const char* item) {
  switch (dtype) {
    case Dtype::kFloat64:
      return Load<double>(item);
    case Dtype::kFloat16:
      return Float16ToDouble(Load<uint16_t>(item));
    case Dtype::kBfloat16:
      return Bfloat16ToDouble(Load<uint16_t>(item));
    default:
      return Load<float>(item);
  }
}

}  // namespace mdn

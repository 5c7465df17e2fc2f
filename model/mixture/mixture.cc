#include "model/mixture/mixture.h"

#include <cstring>

namespace mdn {
namespace {

constexpr uint32_t kExponentBits = 0x7f800000;
constexpr uint32_t kLowestExponentBit = 0x00800000;
constexpr uint32_t kNegativeInfinityBits = 0xff800000;

uint32_t BitsOf(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  return bits;
}

// An exponent of all ones carries into the top bit. Without an early exit, so that compilers
// vectorise it.
bool AllFinite(absl::Span<const float> values) {
  uint32_t carries = 0;
  for (const float value : values) carries |= (BitsOf(value) & kExponentBits) + kLowestExponentBit;
  return (carries >> 31) == 0;
}

bool AreLogWeights(absl::Span<const float> log_pi) {
  bool any_weight = false;
  bool valid = true;
  for (const float value : log_pi) {
    const uint32_t bits = BitsOf(value);
    const bool finite = (bits & kExponentBits) != kExponentBits;
    any_weight |= finite;
    valid &= finite || bits == kNegativeInfinityBits;
  }
  return valid && any_weight;
}

bool IsFinite(const MixtureRow& row) {
  return AreLogWeights(row.log_pi) && AllFinite(row.mu) && AllFinite(row.sigma) &&
         AllFinite(row.log_scale) && AllFinite(row.scale_tril);
}

absl::Span<const float> RowOf(const std::vector<float>& values, int64_t row, int64_t size) {
  return absl::MakeConstSpan(values).subspan(row * size, size);
}

// Of all numbers of rows [begin, end) at once, which is much faster than row by row.
bool AllFinite(const Mixture& mixture, int64_t begin, int64_t end) {
  const auto are_finite = [&](const std::vector<float>& values) {
    const auto row_size = mixture.rows > 0 ? static_cast<int64_t>(values.size()) / mixture.rows : 0;
    return AllFinite(
        absl::MakeConstSpan(values).subspan(begin * row_size, (end - begin) * row_size));
  };
  return are_finite(mixture.log_pi) && are_finite(mixture.mu) && are_finite(mixture.sigma) &&
         are_finite(mixture.log_scale) && are_finite(mixture.scale_tril);
}

}  // namespace

void Mixture::Resize(const MixtureShape& new_shape, int64_t new_rows) {
  shape = new_shape;
  rows = new_rows;
  const int64_t weights = rows * shape.components;
  log_pi.resize(weights);
  mu.resize(weights * shape.dims);
  sigma.resize(weights * shape.dims);
  log_scale.resize(weights * shape.dims);
  scale_tril.resize(shape.full_covariance ? weights * shape.dims * shape.dims : 0);
}

MixtureRow Mixture::Row(int64_t row) const {
  const int64_t components = shape.components;
  const int64_t scales = components * shape.dims;
  return {shape,
          RowOf(log_pi, row, components),
          RowOf(mu, row, scales),
          RowOf(sigma, row, scales),
          RowOf(log_scale, row, scales),
          RowOf(scale_tril, row, shape.full_covariance ? scales * shape.dims : 0)};
}

int64_t Mixture::FirstNonFiniteRow(int64_t begin, int64_t end) const {
  if (AllFinite(*this, begin, end)) return -1;
  for (int64_t row = begin; row < end; ++row) {
    if (!IsFinite(Row(row))) return row;
  }
  return -1;
}

}  // namespace mdn

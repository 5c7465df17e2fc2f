#include "model/mixture/sampling.h"

#include <algorithm>
#include <cassert>
#include <limits>

#include "absl/container/fixed_array.h"
#include "model/mixture/component_choice.h"
#include "model/mixture/normal.h"
#include "model/mixture/philox.h"

namespace mdn {
namespace {

// Larger mixtures take these from the heap, once per call.
using Numbers = absl::FixedArray<double, 64>;

PhiloxKey KeyOf(uint64_t seed) {
  return {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)};
}

PhiloxCounter CounterOf(uint64_t row, uint64_t sample) {
  const auto high = static_cast<uint32_t>(((row >> 32 & 0xffff) << 16) | (sample >> 32 & 0xffff));
  return {0, static_cast<uint32_t>(sample), static_cast<uint32_t>(row), high};
}

double Uniform(uint32_t high, uint32_t low) {
  const uint64_t bits = uint64_t{high} << 32 | low;
  return static_cast<double>(bits >> 11) * 0x1p-53;
}

// z, except that it has room for whole blocks: two numbers of the first, four of each other one.
int64_t PaddedDims(int64_t dims) { return 2 + (dims + 1) / 4 * 4; }

void StorePair(uint32_t radius_bits, uint32_t angle_bits, double* z) {
  const NormalPair pair = BoxMuller(radius_bits, angle_bits);
  z[0] = pair.first;
  z[1] = pair.second;
}

void DrawNormals(const PhiloxCounter& first_block, PhiloxCounter counter, const PhiloxKey& key,
                 int64_t dims, absl::Span<double> z) {
  StorePair(first_block[2], first_block[3], &z[0]);
  for (int64_t d = 2; d < dims; d += 4) {
    ++counter[0];
    const PhiloxCounter block = Philox(counter, key);
    StorePair(block[0], block[1], &z[d]);
    if (d + 2 < dims) StorePair(block[2], block[3], &z[d + 2]);
  }
}

float Saturated(double value) {
  constexpr double kMost = std::numeric_limits<float>::max();
  return static_cast<float>(std::clamp(value, -kMost, kMost));
}

void PlaceDiagonal(const MixtureRow& mixture, int64_t component, double sigma_scale,
                   absl::Span<const double> z, float* sample) {
  const int64_t dims = mixture.shape.dims;
  const float* mu = &mixture.mu[component * dims];
  const float* sigma = &mixture.sigma[component * dims];
  for (int64_t d = 0; d < dims; ++d) {
    sample[d] = Saturated(mu[d] + sigma_scale * sigma[d] * z[d]);
  }
}

void PlaceTriangular(const MixtureRow& mixture, int64_t component, double sigma_scale,
                     absl::Span<const double> z, float* sample) {
  const int64_t dims = mixture.shape.dims;
  const float* mu = &mixture.mu[component * dims];
  const float* scale_tril = &mixture.scale_tril[component * dims * dims];
  for (int64_t d = 0; d < dims; ++d) {
    double offset = 0;
    for (int64_t j = 0; j <= d; ++j) offset += scale_tril[d * dims + j] * z[j];
    sample[d] = Saturated(mu[d] + sigma_scale * offset);
  }
}

}  // namespace

void DrawSamples(const MixtureRow& mixture, const SamplingOptions& options, int64_t row,
                 absl::Span<float> samples, absl::Span<int32_t> components) {
  const int64_t dims = mixture.shape.dims;
  const int64_t count = static_cast<int64_t>(samples.size()) / dims;
  assert(samples.size() == count * dims && (components.empty() || components.size() == count));
  Numbers cumulative(mixture.shape.components);
  CumulativeWeights(mixture.log_pi, options.pi_temperature, absl::MakeSpan(cumulative));
  Numbers z(PaddedDims(dims));
  const PhiloxKey key = KeyOf(options.seed);
  const auto place = mixture.shape.full_covariance ? PlaceTriangular : PlaceDiagonal;
  for (int64_t s = 0; s < count; ++s) {
    const PhiloxCounter counter = CounterOf(row, s);
    const PhiloxCounter block = Philox(counter, key);
    const int component = ChooseComponent(cumulative, Uniform(block[0], block[1]));
    DrawNormals(block, counter, key, dims, absl::MakeSpan(z));
    place(mixture, component, options.sigma_scale, z, &samples[s * dims]);
    if (!components.empty()) components[s] = component;
  }
}

}  // namespace mdn

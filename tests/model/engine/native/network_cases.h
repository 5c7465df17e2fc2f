#ifndef MDN_TESTS_MODEL_ENGINE_NATIVE_NETWORK_CASES_H_
#define MDN_TESTS_MODEL_ENGINE_NATIVE_NETWORK_CASES_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "model/checkpoint/checkpoint.h"
#include "model/engine/engine.h"
#include "model/mixture/mixture.h"
#include "tests/support/double_network.h"
#include "tests/support/random_checkpoint.h"

namespace mdn {

/// A network and rows for it.
struct NetworkCase {
  Checkpoint checkpoint;
  int64_t rows = 0;
  std::vector<float> x;  // [rows, dim_in]

  /// "dim_in 3, D 2, K 4, H 16, full"
  std::string Name() const;
};

/// A random network of a random shape, dim_in up to 64, D to 32, K to 64, H to `most_hidden` and
/// evenly on a logarithmic scale, of any noise model; every other one on data of other units. Its
/// outputs are as spread as a trained network's. The same seed gives the same case.
NetworkCase DrawNetworkCase(uint64_t seed, int64_t rows, int64_t most_hidden);

/// RandomCheckpoint with rows of numbers in +-2.
NetworkCase CaseOf(const NetworkSize& size, NoiseType noise_type, int64_t rows, uint64_t seed);

std::unique_ptr<Engine> MakeNative(const Checkpoint& checkpoint, int threads = 1);
Mixture Evaluate(const Engine& engine, absl::Span<const float> x);

/// How far some float32 numbers are from the exact ones, as a part of the numbers' own size.
struct Error {
  double largest = 0;
  /// The root of the mean square.
  double typical = 0;
};
struct Errors {
  /// Relative to the largest magnitude.
  Error log_pi, mu;
  /// Relative to each number; of a full covariance to the component's largest, since a row of L
  /// may cross zero.
  Error sigma;
};
Errors ErrorsOf(absl::Span<const float> log_pi, absl::Span<const float> mu,
                absl::Span<const float> sigma, const DoubleMixture& exact,
                const MixtureShape& shape);

}  // namespace mdn

#endif  // MDN_TESTS_MODEL_ENGINE_NATIVE_NETWORK_CASES_H_

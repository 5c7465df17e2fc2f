#ifndef MDN_TESTS_SUPPORT_RANDOM_CHECKPOINT_H_
#define MDN_TESTS_SUPPORT_RANDOM_CHECKPOINT_H_

#include <cstdint>

#include "model/checkpoint/checkpoint.h"

namespace mdn {

struct NetworkSize {
  int64_t dim_in = 1;
  int64_t dim_out = 1;
  int64_t n_components = 1;
  int64_t hidden_dim = 1;
};

/// A standard network whose weights and biases are uniform in +-1/sqrt(inputs), as PyTorch begins
/// with. The same seed gives the same network.
Checkpoint RandomCheckpoint(const NetworkSize& size, NoiseType noise_type, uint64_t seed);

}  // namespace mdn

#endif  // MDN_TESTS_SUPPORT_RANDOM_CHECKPOINT_H_

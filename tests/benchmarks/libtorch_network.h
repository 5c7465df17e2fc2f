#ifndef MDN_TESTS_BENCHMARKS_LIBTORCH_NETWORK_H_
#define MDN_TESTS_BENCHMARKS_LIBTORCH_NETWORK_H_

#include <cstdint>
#include <memory>

#include "absl/types/span.h"
#include "model/checkpoint/checkpoint.h"

namespace mdn {

/// What LibTorch does with a network when left to itself: the forward of a torch::nn::Module, in
/// inference mode, on one thread.
class LibTorchNetwork {
 public:
  /// The tensors are copied. Standardisation is not applied.
  explicit LibTorchNetwork(const Checkpoint& checkpoint);
  ~LibTorchNetwork();

  /// x [rows, dim_in] into log_pi, mu and sigma, as LibTorch's tensors. Returns sigma's last
  /// number.
  float Forward(absl::Span<const float> x, int64_t rows);

 private:
  struct Module;
  const std::unique_ptr<Module> module_;
};

}  // namespace mdn

#endif  // MDN_TESTS_BENCHMARKS_LIBTORCH_NETWORK_H_

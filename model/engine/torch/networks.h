#ifndef MDN_MODEL_ENGINE_TORCH_NETWORKS_H_
#define MDN_MODEL_ENGINE_TORCH_NETWORKS_H_

#include <ATen/core/Tensor.h>
#include <torch/csrc/jit/api/module.h>

#include <cstdint>
#include <string>

#include "absl/types/span.h"
#include "model/checkpoint/checkpoint.h"

namespace mdn {

/// A three-layer perceptron with ReLU between the layers. Immutable; thread-safe.
class Perceptron {
 public:
  /// `name` is "pi_network" or "normal_network"; the tensors are copied.
  Perceptron(const Checkpoint& checkpoint, const std::string& name);
  /// x [N, in] to [N, out].
  at::Tensor Forward(const at::Tensor& x) const;

 private:
  struct Layer {
    at::Tensor weight, bias;
  };
  Layer layers_[3];
};

/// What a TorchScript network returned for N rows, as dense float32 tensors on the CPU.
struct ScriptOutput {
  at::Tensor log_pi;  // [N, K]
  at::Tensor mu;      // [N, K, D]
  at::Tensor sigma;   // [N, K, D]
};

/// A TorchScript module whose forward(x) returns (log_pi, mu, sigma). Immutable; thread-safe.
class ScriptNetwork {
 public:
  /// Runs code from the archive. Throws c10::Error.
  explicit ScriptNetwork(const std::string& archive);
  /// x [N, in]. Throws c10::Error where forward does, std::runtime_error where it returns anything
  /// but three tensors that fit together and x.
  ScriptOutput Forward(const at::Tensor& x) const;
  /// Columns of the first two-dimensional parameter, which takes the input in most networks; 0
  /// where there is none.
  int64_t GuessDimIn() const;

 private:
  mutable torch::jit::Module module_;
};

}  // namespace mdn

#endif  // MDN_MODEL_ENGINE_TORCH_NETWORKS_H_

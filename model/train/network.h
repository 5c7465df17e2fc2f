#ifndef MDN_MODEL_TRAIN_NETWORK_H_
#define MDN_MODEL_TRAIN_NETWORK_H_

#include <torch/nn/module.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>

#include <cstdint>
#include <map>
#include <string>

#include "model/checkpoint/checkpoint.h"
#include "model/checkpoint/model_config.h"
#include "model/mixture/loss.h"
#include "model/mixture/sampling.h"

namespace mdn {

/// The mixture at each x, differentiable. Shapes as in the wire contract: `*` are x's leading
/// dimensions.
struct MixtureTensors {
  torch::Tensor log_pi;  // [*, K]
  torch::Tensor mu;      // [*, K, D]
  torch::Tensor sigma;   // [*, K, D], sqrt(diag(L L^T))
  /// L, lower triangular. [*, K, D, D]; undefined unless the noise type is FULL.
  torch::Tensor scale_tril;
};

/// What a row's loss leaves out.
enum class LossScale {
  /// Nothing: -log p(y|x) of a density that integrates to 1.
  kNormalised,
  /// (D/2) log 2 pi, as the reference implementation's loss does.
  kReference,
};

/// A mixture density network (Bishop 1994): two three-layer perceptrons with ReLU over x,
/// pi_network for the components' weights and normal_network for their means and scales. Modules
/// and parameters have the reference implementation's names, {pi_network,normal_network}.{0,2,4}.
/// {weight,bias}, so state dicts pass between the two; parameters begin as torch.nn.Linear's.
///
/// Works in the network's units: a configuration's shifts and scales are the caller's to apply.
/// On the CPU, in float32 unless converted with to(). Errors are c10::Error and name the argument, its shape and
/// what was expected. As thread-safe as torch::nn::Module.
class MixtureDensityNetworkImpl : public torch::nn::Module {
 public:
  /// The configuration's dimensions must be positive, as ConfigFromHints checks.
  explicit MixtureDensityNetworkImpl(const ModelConfig& config);

  /// x [*, dim_in].
  MixtureTensors forward(const torch::Tensor& x);

  /// x [*, dim_in] and y [*, D] to one loss per row, [*]. Finite, with finite gradients, for finite
  /// raw outputs and y: see MixtureLoss. Differentiable in the parameters and x, once; y takes
  /// none.
  torch::Tensor loss(const torch::Tensor& x, const torch::Tensor& y,
                     LossScale scale = LossScale::kNormalised);

  /// x [*, dim_in] to draws of y, [*, num_samples, D], not differentiable. Rows are counted over
  /// the leading dimensions; the draws are DrawSamples' and so those that a server gives.
  torch::Tensor sample(const torch::Tensor& x, int64_t num_samples, const SamplingOptions& options);

  /// A copy of the parameters, by name, in float32.
  std::map<std::string, Tensor> Tensors() const;
  /// Takes the twelve tensors of a checkpoint that has this network's dimensions.
  void SetTensors(const std::map<std::string, Tensor>& tensors);

  const ModelConfig& config() const { return config_; }

 private:
  torch::Tensor Triangles(const torch::Tensor& raw_scales) const;
  void CheckFeatures(const torch::Tensor& x) const;

  const ModelConfig config_;
  const MixtureLoss loss_;
  torch::nn::Sequential pi_network_, normal_network_;
};

TORCH_MODULE(MixtureDensityNetwork);

}  // namespace mdn

#endif  // MDN_MODEL_TRAIN_NETWORK_H_

#include "tests/benchmarks/libtorch_network.h"

#include <torch/types.h>

#include "model/engine/torch/intra_op_threads.h"
#include "model/train/network.h"

namespace mdn {

struct LibTorchNetwork::Module {
  MixtureDensityNetwork network;
};

LibTorchNetwork::LibTorchNetwork(const Checkpoint& checkpoint)
    : module_(new Module{MixtureDensityNetwork(checkpoint.config)}) {
  SetIntraOpThreads(1);
  module_->network->SetTensors(checkpoint.tensors);
  module_->network->eval();
}

LibTorchNetwork::~LibTorchNetwork() = default;

float LibTorchNetwork::Forward(absl::Span<const float> x, int64_t rows) {
  const c10::InferenceMode inference;
  const int64_t features = static_cast<int64_t>(x.size()) / rows;
  const torch::Tensor input =
      torch::from_blob(const_cast<float*>(x.data()), {rows, features}, torch::kFloat);
  const MixtureTensors mixture = module_->network->forward(input);
  return mixture.sigma.data_ptr<float>()[mixture.sigma.numel() - 1] +
         mixture.log_pi.data_ptr<float>()[0] + mixture.mu.data_ptr<float>()[0];
}

}  // namespace mdn

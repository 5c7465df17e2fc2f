#include "tests/support/random_checkpoint.h"

#include <cmath>
#include <random>
#include <string>

namespace mdn {
namespace {

class NetworkWriter {
 public:
  NetworkWriter(Checkpoint& checkpoint, uint64_t seed) : checkpoint_(checkpoint), random_(seed) {}

  void AddLayer(const std::string& name, int64_t outputs, int64_t inputs) {
    checkpoint_.tensors[name + ".weight"] = Draw({outputs, inputs}, outputs * inputs, inputs);
    checkpoint_.tensors[name + ".bias"] = Draw({outputs}, outputs, inputs);
  }

 private:
  Tensor Draw(std::vector<int64_t> shape, int64_t count, int64_t inputs) {
    const double bound = 1 / std::sqrt(static_cast<double>(inputs));
    Tensor tensor{std::move(shape), std::vector<float>(count)};
    for (float& value : tensor.values) {
      // Not a distribution of the library's, whose numbers are its own.
      value = static_cast<float>((random_() * 0x1p-63 - 1) * bound);
    }
    return tensor;
  }

  Checkpoint& checkpoint_;
  std::mt19937_64 random_;
};

}  // namespace

Checkpoint RandomCheckpoint(const NetworkSize& size, NoiseType noise_type, uint64_t seed) {
  Checkpoint checkpoint;
  ModelConfig& config = checkpoint.config;
  config.dim_in = size.dim_in;
  config.dim_out = size.dim_out;
  config.n_components = size.n_components;
  config.hidden_dim = size.hidden_dim;
  config.noise_type = noise_type;
  config.fixed_noise_level = noise_type == NoiseType::kFixed ? 0.25 : 0;
  const int64_t outputs =
      size.n_components * size.dim_out + SigmaChannels(noise_type, size.n_components, size.dim_out);
  NetworkWriter writer(checkpoint, seed);
  for (const auto& [network, last] :
       {std::pair<std::string, int64_t>{"pi_network", size.n_components},
        std::pair<std::string, int64_t>{"normal_network", outputs}}) {
    writer.AddLayer(network + ".0", size.hidden_dim, size.dim_in);
    writer.AddLayer(network + ".2", size.hidden_dim, size.hidden_dim);
    writer.AddLayer(network + ".4", last, size.hidden_dim);
  }
  return checkpoint;
}

}  // namespace mdn

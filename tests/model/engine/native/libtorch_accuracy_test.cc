#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

#include "model/engine/torch/intra_op_threads.h"
#include "tests/model/engine/native/network_cases.h"

namespace mdn {
namespace {

constexpr int64_t kNetworks = 1000;
constexpr int64_t kMostHidden = 1024;
// Of few rows the error would be a matter of luck, LibTorch's and ours.
constexpr int64_t kRows = 64;
constexpr double kMostTimesLibTorch = 4;
// Half a unit in the last place: no float32 evaluation can do better but by luck.
constexpr double kRoundingUnit = 0x1p-24;
// The largest of some thousand normal errors.
constexpr double kLargestOfTypical = 4;

struct FloatMixture {
  at::Tensor log_pi;  // [rows, K]
  at::Tensor mu;      // [rows, K, D]
  at::Tensor sigma;   // [rows, K, D]
};

at::Tensor ToTensor(const std::vector<float>& values, at::IntArrayRef shape) {
  return at::from_blob(const_cast<float*>(values.data()), shape, at::kFloat);
}

at::Tensor ToFloats(const std::vector<double>& values) {
  return at::from_blob(const_cast<double*>(values.data()), {static_cast<int64_t>(values.size())},
                       at::kDouble)
      .to(at::kFloat);
}

at::Tensor Dense(const Checkpoint& checkpoint, const std::string& name, const at::Tensor& x) {
  const Tensor& weight = checkpoint.tensors.at(name + ".weight");
  const Tensor& bias = checkpoint.tensors.at(name + ".bias");
  return at::linear(x, ToTensor(weight.values, weight.shape), ToTensor(bias.values, bias.shape));
}

at::Tensor Perceptron(const Checkpoint& checkpoint, const std::string& name, const at::Tensor& x) {
  const at::Tensor first = Dense(checkpoint, name + ".0", x).relu();
  return Dense(checkpoint, name + ".4", Dense(checkpoint, name + ".2", first).relu());
}

at::Tensor Exp(const at::Tensor& raw) { return at::exp(raw + 1e-6); }

// raw [rows, K * D (D + 1) / 2]
at::Tensor FullSigma(const ModelConfig& config, const at::Tensor& raw) {
  const int64_t dims = config.dim_out;
  const at::Tensor places = at::tril_indices(dims, dims);
  at::Tensor triangle = at::zeros({raw.size(0), config.n_components, dims * dims});
  triangle.index_copy_(2, places[0] * dims + places[1],
                       raw.reshape({raw.size(0), config.n_components, dims * (dims + 1) / 2}));
  triangle = triangle.reshape({raw.size(0), config.n_components, dims, dims});
  at::Tensor diagonal = triangle.diagonal(0, 2, 3);
  diagonal.copy_(Exp(diagonal));
  return (triangle * triangle).sum(3).sqrt();
}

// [rows, K, D]
at::Tensor Sigma(const ModelConfig& config, const at::Tensor& raw) {
  const int64_t components = config.n_components;
  const std::vector<int64_t> shape = {raw.size(0), components, config.dim_out};
  switch (config.noise_type) {
    case NoiseType::kDiagonal:
      return Exp(raw).reshape(shape);
    case NoiseType::kIsotropic:
      return config.isotropic_layout == IsotropicLayout::kPerComponent
                 ? Exp(raw).unsqueeze(2).expand(shape)
                 : Exp(raw).repeat({1, config.dim_out}).reshape(shape);
    case NoiseType::kIsotropicAcrossClusters:
      return Exp(raw).unsqueeze(2).expand(shape);
    case NoiseType::kFixed:
      return at::full(shape, config.fixed_noise_level);
    case NoiseType::kFull:
      return FullSigma(config, raw);
  }
  return {};
}

FloatMixture EvaluateWithLibTorch(const NetworkCase& network) {
  const ModelConfig& config = network.checkpoint.config;
  at::Tensor x = ToTensor(network.x, {network.rows, config.dim_in});
  if (!config.x_scale.empty()) x = (x - ToFloats(config.x_shift)) / ToFloats(config.x_scale);
  const at::Tensor normal = Perceptron(network.checkpoint, "normal_network", x);
  const int64_t means = config.n_components * config.dim_out;
  FloatMixture mixture;
  mixture.log_pi = at::log_softmax(Perceptron(network.checkpoint, "pi_network", x), 1);
  mixture.mu =
      normal.slice(1, 0, means).reshape({network.rows, config.n_components, config.dim_out});
  mixture.sigma = Sigma(config, normal.slice(1, means));
  if (!config.y_scale.empty()) {
    mixture.mu = ToFloats(config.y_shift) + ToFloats(config.y_scale) * mixture.mu;
    mixture.sigma = ToFloats(config.y_scale) * mixture.sigma;
  }
  return mixture;
}

std::vector<float> Values(const at::Tensor& tensor) {
  const at::Tensor dense = tensor.contiguous();
  return {dense.data_ptr<float>(), dense.data_ptr<float>() + dense.numel()};
}

Errors ErrorsOfLibTorch(const NetworkCase& network, const DoubleMixture& exact) {
  const c10::InferenceMode inference;
  const FloatMixture mixture = EvaluateWithLibTorch(network);
  return ErrorsOf(Values(mixture.log_pi), Values(mixture.mu), Values(mixture.sigma), exact,
                  MixtureHead(HeadOptions(network.checkpoint.config)).shape());
}

Errors ErrorsOfNative(const NetworkCase& network, const DoubleMixture& exact) {
  const Mixture mixture = Evaluate(*MakeNative(network.checkpoint), network.x);
  return ErrorsOf(mixture.log_pi, mixture.mu, mixture.sigma, exact, mixture.shape);
}

// The worst of many networks.
class WorstRatio {
 public:
  explicit WorstRatio(std::string what) : what_(std::move(what)) {}

  void Add(double native, double libtorch, const NetworkCase& network) {
    const double ratio = native / std::max(libtorch, kRoundingUnit);
    EXPECT_LE(ratio, kMostTimesLibTorch)
        << what_ << " of " << network.Name() << ": " << native << " and " << libtorch;
    if (ratio <= worst_) return;
    worst_ = ratio;
    where_ = network.Name();
  }

  void Report() const {
    std::printf("%s: at most %.2f times LibTorch's (%s)\n", what_.c_str(), worst_, where_.c_str());
    testing::Test::RecordProperty("worst_ratio_" + what_, std::to_string(worst_));
  }

 private:
  const std::string what_;
  double worst_ = 0;
  std::string where_;
};

// Of a network's log_pi, mu or sigma.
class WorstRatios {
 public:
  explicit WorstRatios(const std::string& what)
      : typical_(what + "_typical_error"), largest_(what + "_largest_error") {}

  void Add(const Error& native, const Error& libtorch, const NetworkCase& network) {
    typical_.Add(native.typical, libtorch.typical, network);
    // Where all of a network's numbers happen to be good, what could be expected counts.
    const double expected = kLargestOfTypical * libtorch.typical;
    largest_.Add(native.largest, std::max(libtorch.largest, expected), network);
  }

  void Report() const {
    typical_.Report();
    largest_.Report();
  }

 private:
  WorstRatio typical_, largest_;
};

TEST(LibTorchAccuracyTest, ErrsAtMostFourTimesAsMuchAsLibTorchDoesOnAThousandNetworks) {
  SetIntraOpThreads(1);
  WorstRatios log_pi("log_pi"), mu("mu"), sigma("sigma");
  for (uint64_t seed = 1; seed <= kNetworks; ++seed) {
    const NetworkCase network = DrawNetworkCase(seed, kRows, kMostHidden);
    const DoubleMixture exact = EvaluateInDouble(network.checkpoint, network.x, network.rows);
    const Errors native = ErrorsOfNative(network, exact);
    const Errors libtorch = ErrorsOfLibTorch(network, exact);
    log_pi.Add(native.log_pi, libtorch.log_pi, network);
    mu.Add(native.mu, libtorch.mu, network);
    sigma.Add(native.sigma, libtorch.sigma, network);
  }
  log_pi.Report();
  mu.Report();
  sigma.Report();
}

}  // namespace
}  // namespace mdn

#include "model/train/network.h"

#include <torch/csrc/autograd/custom_function.h>
#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/linear.h>

#include <vector>

#include "absl/types/span.h"
#include "model/mixture/mixture.h"

namespace mdn {
namespace {

constexpr double kHalfLogTwoPi = 0.91893853320467274178;

torch::nn::Sequential Perceptron(int64_t in, int64_t hidden, int64_t out) {
  return torch::nn::Sequential(torch::nn::Linear(in, hidden), torch::nn::ReLU(),
                               torch::nn::Linear(hidden, hidden), torch::nn::ReLU(),
                               torch::nn::Linear(hidden, out));
}

template <typename Real>
absl::Span<const Real> Values(const torch::Tensor& tensor) {
  return absl::MakeConstSpan(tensor.data_ptr<Real>(), tensor.numel());
}

template <typename Real>
absl::Span<Real> MutableValues(torch::Tensor& tensor) {
  return absl::MakeSpan(tensor.data_ptr<Real>(), tensor.numel());
}

// The loss of each row as one node of the graph: one pass in double instead of some twenty
// operations in float32, several of which overflow where the result does not.
class RowLoss : public torch::autograd::Function<RowLoss> {
 public:
  // logits [N, K], raw [N, channels], y [N, D] to [N].
  static torch::Tensor forward(torch::autograd::AutogradContext* context,
                               const torch::Tensor& logits, const torch::Tensor& raw,
                               const torch::Tensor& y, const MixtureLoss* loss) {
    torch::Tensor values = torch::empty({logits.size(0)}, logits.options());
    torch::Tensor logits_gradient = torch::empty(logits.sizes(), logits.options());
    torch::Tensor raw_gradient = torch::empty(raw.sizes(), raw.options());
    AT_DISPATCH_FLOATING_TYPES(logits.scalar_type(), "loss", [&] {
      loss->Evaluate<scalar_t>(Values<scalar_t>(logits), Values<scalar_t>(raw), Values<scalar_t>(y),
                               MutableValues<scalar_t>(values),
                               MutableValues<scalar_t>(logits_gradient),
                               MutableValues<scalar_t>(raw_gradient));
    });
    context->save_for_backward({logits_gradient, raw_gradient});
    return values;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& outer) {
    const auto saved = context->get_saved_variables();
    const torch::Tensor factor = outer[0].unsqueeze(-1);
    return {saved[0] * factor, saved[1] * factor, torch::Tensor(), torch::Tensor()};
  }
};

// Euclidean norm over the last dimension, of numbers whose squares may leave float32.
torch::Tensor ScaledNorm(const torch::Tensor& tensor) {
  const torch::Tensor largest = tensor.detach().abs().amax(-1, /*keepdim=*/true).clamp_min(1e-38);
  return (tensor / largest).norm(2, -1) * largest.squeeze(-1);
}

std::vector<int64_t> WithLast(const torch::Tensor& x, std::initializer_list<int64_t> last) {
  std::vector<int64_t> sizes(x.sizes().begin(), x.sizes().end() - 1);
  sizes.insert(sizes.end(), last);
  return sizes;
}

}  // namespace

MixtureDensityNetworkImpl::MixtureDensityNetworkImpl(const ModelConfig& config)
    : config_(config), loss_(HeadOptions(config)) {
  pi_network_ = register_module("pi_network",
                                Perceptron(config.dim_in, config.hidden_dim, config.n_components));
  normal_network_ = register_module("normal_network", Perceptron(config.dim_in, config.hidden_dim,
                                                                 loss_.head().normal_channels()));
}

void MixtureDensityNetworkImpl::CheckFeatures(const torch::Tensor& x) const {
  TORCH_CHECK(x.is_cpu(), "x is on ", x.device(), "; expected the CPU");
  TORCH_CHECK(x.dim() >= 1 && x.size(-1) == config_.dim_in, "x has shape ", x.sizes(),
              "; expected [*, ", config_.dim_in, "]");
}

MixtureTensors MixtureDensityNetworkImpl::forward(const torch::Tensor& x) {
  CheckFeatures(x);
  const int64_t components = config_.n_components, dims = config_.dim_out;
  const int64_t means = components * dims;
  const torch::Tensor raw = normal_network_->forward(x);
  const torch::Tensor scales = raw.slice(-1, means);
  MixtureTensors mixture;
  mixture.log_pi = torch::log_softmax(pi_network_->forward(x), -1);
  mixture.mu = raw.slice(-1, 0, means).reshape(WithLast(x, {components, dims}));
  switch (config_.noise_type) {
    case NoiseType::kFixed:
      mixture.sigma = torch::full_like(mixture.mu, config_.fixed_noise_level);
      break;
    case NoiseType::kFull:
      mixture.scale_tril = Triangles(scales);
      mixture.sigma = ScaledNorm(mixture.scale_tril);
      break;
    default: {
      const absl::Span<const int64_t> channels = loss_.head().scale_channels();
      const torch::Tensor indices = torch::tensor(
          std::vector<int64_t>(channels.begin(), channels.end()), x.options().dtype(torch::kLong));
      mixture.sigma = torch::exp(scales + kScaleEpsilon)
                          .index_select(-1, indices)
                          .reshape(WithLast(x, {components, dims}));
    }
  }
  return mixture;
}

// [*, K * D(D+1)/2] to L [*, K, D, D].
torch::Tensor MixtureDensityNetworkImpl::Triangles(const torch::Tensor& raw_scales) const {
  const int64_t components = config_.n_components, dims = config_.dim_out;
  std::vector<int64_t> diagonal_from, diagonal_to, below_from, below_to;
  int64_t channel = 0;
  for (int64_t i = 0; i < dims; ++i) {
    for (int64_t j = 0; j <= i; ++j, ++channel) {
      (i == j ? diagonal_from : below_from).push_back(channel);
      (i == j ? diagonal_to : below_to).push_back(i * dims + j);
    }
  }
  const auto index = raw_scales.options().dtype(torch::kLong);
  const torch::Tensor entries = raw_scales.reshape(WithLast(raw_scales, {components, channel}));
  // The exponential of the diagonal alone: one of an entry below might overflow, and the gradient
  // of what is then thrown away would be NaN.
  const torch::Tensor diagonal =
      torch::exp(entries.index_select(-1, torch::tensor(diagonal_from, index)) + kScaleEpsilon);
  const torch::Tensor below = entries.index_select(-1, torch::tensor(below_from, index));
  return torch::zeros(WithLast(raw_scales, {components, dims * dims}), raw_scales.options())
      .index_copy(-1, torch::tensor(diagonal_to, index), diagonal)
      .index_copy(-1, torch::tensor(below_to, index), below)
      .reshape(WithLast(raw_scales, {components, dims, dims}));
}

torch::Tensor MixtureDensityNetworkImpl::loss(const torch::Tensor& x, const torch::Tensor& y,
                                              LossScale scale) {
  CheckFeatures(x);
  const std::vector<int64_t> expected = WithLast(x, {config_.dim_out});
  TORCH_CHECK(y.sizes() == expected, "y has shape ", y.sizes(), "; expected ",
              c10::IntArrayRef(expected), " for x of shape ", x.sizes());
  TORCH_CHECK(y.scalar_type() == x.scalar_type(), "y has type ", y.scalar_type(), "; expected ",
              x.scalar_type(), " as x has");
  const torch::Tensor rows = x.reshape({-1, config_.dim_in});
  const torch::Tensor loss =
      RowLoss::apply(pi_network_->forward(rows).contiguous(),
                     normal_network_->forward(rows).contiguous(),
                     y.detach().reshape({-1, config_.dim_out}).contiguous(), &loss_)
          .reshape(WithLast(x, {}));
  return scale == LossScale::kNormalised ? loss : loss - config_.dim_out * kHalfLogTwoPi;
}

torch::Tensor MixtureDensityNetworkImpl::sample(const torch::Tensor& x, int64_t num_samples,
                                                const SamplingOptions& options) {
  CheckFeatures(x);
  TORCH_CHECK(num_samples >= 1, "num_samples is ", num_samples, "; expected at least 1");
  const torch::NoGradGuard no_gradient;
  const torch::Tensor rows = x.reshape({-1, config_.dim_in});
  const torch::Tensor logits = pi_network_->forward(rows).to(torch::kFloat).contiguous();
  const torch::Tensor raw = normal_network_->forward(rows).to(torch::kFloat).contiguous();
  Mixture mixture;
  loss_.head().Assemble(Values<float>(logits), Values<float>(raw), rows.size(0), mixture);
  const int64_t numbers = num_samples * config_.dim_out;
  torch::Tensor samples = torch::empty({rows.size(0), numbers}, torch::kFloat);
  for (int64_t row = 0; row < rows.size(0); ++row) {
    DrawSamples(mixture.Row(row), options, row,
                MutableValues<float>(samples).subspan(row * numbers, numbers), {});
  }
  return samples.to(x.scalar_type()).reshape(WithLast(x, {num_samples, config_.dim_out}));
}

std::map<std::string, Tensor> MixtureDensityNetworkImpl::Tensors() const {
  std::map<std::string, Tensor> tensors;
  for (const auto& item : named_parameters()) {
    const torch::Tensor values = item.value().detach().to(torch::kFloat).contiguous();
    const absl::Span<const float> numbers = Values<float>(values);
    tensors[item.key()] = {values.sizes().vec(), {numbers.begin(), numbers.end()}};
  }
  return tensors;
}

void MixtureDensityNetworkImpl::SetTensors(const std::map<std::string, Tensor>& tensors) {
  const torch::NoGradGuard no_gradient;
  for (auto& item : named_parameters()) {
    const auto found = tensors.find(item.key());
    TORCH_CHECK(found != tensors.end(), "no tensor ", item.key());
    const Tensor& tensor = found->second;
    TORCH_CHECK(item.value().sizes() == tensor.shape, "tensor ", item.key(), " has shape ",
                c10::IntArrayRef(tensor.shape), "; expected ", item.value().sizes());
    item.value().copy_(
        torch::from_blob(const_cast<float*>(tensor.values.data()), tensor.shape, torch::kFloat));
  }
}

}  // namespace mdn

#include "tests/benchmarks/serving_peers/torch_answers.h"

#include <ATen/Parallel.h>
#include <torch/script.h>

#include <cmath>

namespace mdn {
namespace {

struct Mixture {
  at::Tensor log_pi, mu, sigma;
};

at::Tensor ToTensor(const v1::Tensor& message) {
  return at::from_blob(const_cast<float*>(message.values().data()),
                       {message.shape(0), message.shape(1)}, at::kFloat);
}

void Write(const at::Tensor& tensor, v1::Tensor& message) {
  const at::Tensor dense = tensor.contiguous();
  for (const int64_t size : dense.sizes()) message.add_shape(size);
  const float* const values = dense.data_ptr<float>();
  message.mutable_values()->Add(values, values + dense.numel());
}

}  // namespace

struct TorchAnswers::Network {
  mutable torch::jit::Module module;
  std::string name;
  int64_t dim_in = 0;
  int64_t components = 0;
  int64_t dims = 0;

  Mixture Evaluate(const v1::Tensor& x) const {
    const auto outputs = module.forward({ToTensor(x)}).toTuple();
    return {outputs->elements()[0].toTensor(), outputs->elements()[1].toTensor(),
            outputs->elements()[2].toTensor()};
  }

  void SetModel(v1::ModelSpec& spec) const {
    spec.set_name(name);
    spec.set_version(1);
  }
};

TorchAnswers::TorchAnswers(const std::string& path) : network_(std::make_unique<Network>()) {
  at::set_num_threads(1);
  const c10::InferenceMode inference;
  network_->module = torch::jit::load(path);
  network_->module.eval();
  const at::Tensor first_weight = *network_->module.parameters().begin();
  network_->module = torch::jit::freeze(network_->module);
  const size_t slash = path.rfind('/') + 1;
  network_->name = path.substr(slash, path.rfind('.') - slash);
  network_->dim_in = first_weight.size(1);
  const auto outputs =
      network_->module.forward({at::zeros({1, network_->dim_in}, at::kFloat)}).toTuple();
  network_->components = outputs->elements()[1].toTensor().size(1);
  network_->dims = outputs->elements()[1].toTensor().size(2);
}

TorchAnswers::~TorchAnswers() = default;

void TorchAnswers::Predict(const v1::PredictRequest& request, v1::PredictResponse& response) const {
  const c10::InferenceMode inference;
  const Mixture mixture = network_->Evaluate(request.x());
  network_->SetModel(*response.mutable_model());
  Write(mixture.log_pi, *response.mutable_log_pi());
  Write(mixture.mu, *response.mutable_mu());
  Write(mixture.sigma, *response.mutable_sigma());
}

void TorchAnswers::Sample(const v1::SampleRequest& request, v1::SampleResponse& response) const {
  const c10::InferenceMode inference;
  const Mixture mixture = network_->Evaluate(request.x());
  const at::Tensor chosen =
      at::multinomial(mixture.log_pi.exp(), request.num_samples(), /*replacement=*/true)
          .unsqueeze(-1)
          .expand({-1, -1, network_->dims});
  const at::Tensor mu = mixture.mu.gather(1, chosen);
  const at::Tensor sigma = mixture.sigma.gather(1, chosen);
  network_->SetModel(*response.mutable_model());
  Write(at::normal(mu, sigma), *response.mutable_samples());
}

void TorchAnswers::LogLikelihood(const v1::LogLikelihoodRequest& request,
                                 v1::LogLikelihoodResponse& response) const {
  const c10::InferenceMode inference;
  const Mixture mixture = network_->Evaluate(request.x());
  const at::Tensor z = (ToTensor(request.y()).unsqueeze(1) - mixture.mu) / mixture.sigma;
  const double log_two_pi = std::log(2 * std::acos(-1.0));
  const at::Tensor log_normal =
      (-0.5 * z.square() - mixture.sigma.log() - 0.5 * log_two_pi).sum(-1);
  network_->SetModel(*response.mutable_model());
  Write((mixture.log_pi + log_normal).logsumexp(-1), *response.mutable_log_likelihood());
}

void TorchAnswers::GetModel(v1::ModelInfo& response) const {
  network_->SetModel(*response.mutable_model());
  response.set_dim_in(network_->dim_in);
  response.set_dim_out(network_->dims);
  response.set_n_components(network_->components);
  response.set_noise_type(v1::NOISE_TYPE_DIAGONAL);
  response.set_engine("plain torch");
}

}  // namespace mdn

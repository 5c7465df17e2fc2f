#include "model/engine/torch/networks.h"

#include <ATen/ATen.h>
#include <torch/csrc/jit/runtime/graph_executor.h>
#include <torch/csrc/jit/serialization/import.h>

#include <sstream>
#include <stdexcept>

#include "absl/strings/str_cat.h"

namespace mdn {
namespace {

at::Tensor ToTensor(const Tensor& tensor) {
  return at::from_blob(const_cast<float*>(tensor.values.data()), tensor.shape, at::kFloat).clone();
}

std::string ShapeText(const at::Tensor& tensor) {
  std::ostringstream text;
  text << tensor.sizes();
  return text.str();
}

at::Tensor DenseFloat(const at::Tensor& tensor) {
  return tensor.to(at::kCPU, at::kFloat).contiguous();
}

void CheckShapes(const ScriptOutput& output, int64_t rows) {
  const at::Tensor& mu = output.mu;
  const bool fits = mu.dim() == 3 && mu.size(0) == rows && mu.numel() > 0 &&
                    output.sigma.sizes() == mu.sizes() && output.log_pi.dim() == 2 &&
                    output.log_pi.size(0) == rows && output.log_pi.size(1) == mu.size(1);
  if (fits) return;
  throw std::runtime_error(
      absl::StrCat("forward(x) for ", rows, " rows returned log_pi ", ShapeText(output.log_pi),
                   ", mu ", ShapeText(mu), ", sigma ", ShapeText(output.sigma),
                   "; expected log_pi [N, K], mu [N, K, D] and sigma [N, K, D] with N = ", rows));
}

}  // namespace

Perceptron::Perceptron(const Checkpoint& checkpoint, const std::string& name) {
  for (int i = 0; i < 3; ++i) {
    const std::string layer = absl::StrCat(name, ".", 2 * i);
    layers_[i] = {ToTensor(checkpoint.tensors.at(layer + ".weight")),
                  ToTensor(checkpoint.tensors.at(layer + ".bias"))};
  }
}

at::Tensor Perceptron::Forward(const at::Tensor& x) const {
  at::Tensor hidden = at::linear(x, layers_[0].weight, layers_[0].bias).relu_();
  hidden = at::linear(hidden, layers_[1].weight, layers_[1].bias).relu_();
  return at::linear(hidden, layers_[2].weight, layers_[2].bias);
}

ScriptNetwork::ScriptNetwork(const std::string& archive) {
  // The profiling executor would recompile at the second call of every new batch size.
  torch::jit::getProfilingMode() = false;
  std::istringstream stream(archive);
  module_ = torch::jit::load(stream, at::kCPU);
  module_.eval();
}

ScriptOutput ScriptNetwork::Forward(const at::Tensor& x) const {
  const c10::IValue result = module_.forward({x});
  if (!result.isTuple() || result.toTupleRef().elements().size() != 3) {
    throw std::runtime_error(absl::StrCat("forward(x) returned ", result.tagKind(),
                                          "; expected a tuple (log_pi, mu, sigma)"));
  }
  const auto& elements = result.toTupleRef().elements();
  for (const c10::IValue& element : elements) {
    if (!element.isTensor()) {
      throw std::runtime_error(absl::StrCat("forward(x) returned a tuple with a ",
                                            element.tagKind(), "; expected three tensors"));
    }
  }
  ScriptOutput output{DenseFloat(elements[0].toTensor()), DenseFloat(elements[1].toTensor()),
                      DenseFloat(elements[2].toTensor())};
  CheckShapes(output, x.size(0));
  return output;
}

int64_t ScriptNetwork::GuessDimIn() const {
  for (const at::Tensor& parameter : module_.parameters()) {
    if (parameter.dim() == 2) return parameter.size(1);
  }
  return 0;
}

}  // namespace mdn

#include "tests/benchmarks/serving_peers/echo_answers.h"

#include <algorithm>
#include <functional>
#include <initializer_list>
#include <numeric>

namespace mdn {
namespace {

constexpr float kNumber = 0.5f;
// As long on the wire as a random one.
constexpr uint64_t kSeed = uint64_t{1} << 63;

void SetModel(const EchoModel& model, v1::ModelSpec& spec) {
  spec.set_name(model.name);
  spec.set_version(1);
}

void Fill(std::initializer_list<int64_t> shape, v1::Tensor& tensor) {
  for (const int64_t size : shape) tensor.add_shape(size);
  const int64_t count =
      std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<>());
  tensor.mutable_values()->Resize(static_cast<int>(count), kNumber);
}

}  // namespace

void Echo(const EchoModel& model, const v1::PredictRequest& request,
          v1::PredictResponse& response) {
  const int64_t rows = request.x().shape(0);
  SetModel(model, *response.mutable_model());
  Fill({rows, model.components}, *response.mutable_log_pi());
  Fill({rows, model.components, model.dims}, *response.mutable_mu());
  Fill({rows, model.components, model.dims}, *response.mutable_sigma());
}

void Echo(const EchoModel& model, const v1::SampleRequest& request, v1::SampleResponse& response) {
  const int64_t samples = std::max<int64_t>(1, request.num_samples());
  SetModel(model, *response.mutable_model());
  Fill({request.x().shape(0), samples, model.dims}, *response.mutable_samples());
  response.set_seed(kSeed);
}

void Echo(const EchoModel& model, const v1::LogLikelihoodRequest& request,
          v1::LogLikelihoodResponse& response) {
  SetModel(model, *response.mutable_model());
  Fill({request.x().shape(0)}, *response.mutable_log_likelihood());
}

void Echo(const EchoModel& model, const v1::GetModelRequest& /*request*/, v1::ModelInfo& response) {
  SetModel(model, *response.mutable_model());
  response.set_dim_in(model.dim_in);
  response.set_dim_out(model.dims);
  response.set_n_components(model.components);
  response.set_noise_type(v1::NOISE_TYPE_DIAGONAL);
  response.set_engine("echo");
}

}  // namespace mdn

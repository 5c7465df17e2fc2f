#include "client/messages.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace mdn::client_internal {
namespace {

using Shape = std::vector<int64_t>;

constexpr int64_t kAnyPositive = -1;

void Fill(const ArrayView& array, v1::Tensor* tensor) {
  tensor->mutable_shape()->Add(array.shape.begin(), array.shape.end());
  tensor->mutable_values()->Add(array.values.begin(), array.values.end());
}

std::string ToString(const Shape& shape) {
  return absl::StrCat("[", absl::StrJoin(shape, ", "), "]");
}

absl::Status Malformed(absl::string_view what) {
  return absl::InternalError(absl::StrCat("the server's answer is malformed: ", what));
}

/// Nothing where a dimension is negative or the product is beyond int64.
std::optional<int64_t> ElementCount(const Shape& shape) {
  int64_t count = 1;
  for (const int64_t size : shape) {
    if (size < 0 || (size > 0 && count > std::numeric_limits<int64_t>::max() / size)) return {};
    count *= size;
  }
  return count;
}

std::vector<float> FromLittleEndian(const std::string& raw) {
  std::vector<float> values(raw.size() / sizeof(float));
  const auto* bytes = reinterpret_cast<const unsigned char*>(raw.data());
  for (size_t i = 0; i < values.size(); ++i, bytes += sizeof(float)) {
    const uint32_t bits = uint32_t{bytes[0]} | uint32_t{bytes[1]} << 8 | uint32_t{bytes[2]} << 16 |
                          uint32_t{bytes[3]} << 24;
    std::memcpy(&values[i], &bits, sizeof(float));
  }
  return values;
}

absl::StatusOr<Array> ToArray(absl::string_view name, const v1::Tensor& tensor) {
  Array array;
  array.shape.assign(tensor.shape().begin(), tensor.shape().end());
  const std::optional<int64_t> count = ElementCount(array.shape);
  const int64_t held = tensor.values_size() + tensor.raw().size() / sizeof(float);
  const bool whole = tensor.raw().size() % sizeof(float) == 0;
  const bool both = tensor.values_size() > 0 && !tensor.raw().empty();
  if (count != held || !whole || both) {
    return Malformed(absl::StrCat(name, " has the shape ", ToString(array.shape), ", but ",
                                  tensor.values_size(), " values and ", tensor.raw().size(),
                                  " bytes"));
  }
  if (tensor.raw().empty()) {
    array.values.assign(tensor.values().begin(), tensor.values().end());
  } else {
    array.values = FromLittleEndian(tensor.raw());
  }
  return array;
}

/// Reads the arrays of one response and checks them against each other; keeps the first error.
class ArrayReader {
 public:
  explicit ArrayReader(const Shape& leading) : leading_(leading) {}

  /// The shape must be the leading dimensions and then `trailing`, where kAnyPositive stands
  /// for any size but 0.
  Array Read(absl::string_view name, const v1::Tensor& tensor, const Shape& trailing) {
    absl::StatusOr<Array> array = ToArray(name, tensor);
    if (array.ok() && !Fits(array->shape, trailing)) array = Misshapen(name, array->shape);
    if (array.ok()) return *std::move(array);
    status_.Update(array.status());
    // Callers ask for the last sizes before they look at the status.
    return {Shape(leading_.size() + trailing.size(), 0), {}};
  }

  void Update(const absl::Status& status) { status_.Update(status); }
  const absl::Status& status() const { return status_; }

 private:
  bool Fits(const Shape& shape, const Shape& trailing) const {
    if (shape.size() != leading_.size() + trailing.size()) return false;
    for (size_t i = 0; i < shape.size(); ++i) {
      const int64_t wanted = i < leading_.size() ? leading_[i] : trailing[i - leading_.size()];
      if (wanted == kAnyPositive ? shape[i] <= 0 : shape[i] != wanted) return false;
    }
    return true;
  }

  absl::Status Misshapen(absl::string_view name, const Shape& shape) const {
    return Malformed(absl::StrCat(name, " has the shape ", ToString(shape),
                                  ", which fits neither the request nor the other arrays"));
  }

  const Shape& leading_;
  absl::Status status_;
};

Shape WithoutLast(Shape shape) {
  if (!shape.empty()) shape.pop_back();
  return shape;
}

ModelId ToResult(const v1::ModelSpec& model) { return {model.name(), model.version(), ""}; }

ModelInfo::Limits ToResult(const v1::Limits& limits) {
  ModelInfo::Limits result;
  result.max_request_rows = limits.max_request_rows();
  result.max_samples_per_request = limits.max_samples_per_request();
  result.max_message_bytes = limits.max_message_bytes();
  result.max_batch_rows = limits.max_batch_rows();
  result.max_queue_rows = limits.max_queue_rows();
  return result;
}

/// A value that this client does not know yet becomes 0, unspecified.
template <typename Enum>
Enum ToEnum(int value, Enum last) {
  return value >= 0 && value <= static_cast<int>(last) ? static_cast<Enum>(value) : Enum{};
}

}  // namespace

v1::ModelSpec ToMessage(const ModelId& model) {
  v1::ModelSpec message;
  message.set_name(model.name);
  message.set_version(model.version);
  message.set_label(model.label);
  return message;
}

v1::PredictRequest ToMessage(const PredictRequest& request) {
  v1::PredictRequest message;
  *message.mutable_model() = ToMessage(request.model);
  Fill(request.x, message.mutable_x());
  return message;
}

v1::SampleRequest ToMessage(const SampleRequest& request) {
  v1::SampleRequest message;
  *message.mutable_model() = ToMessage(request.model);
  Fill(request.x, message.mutable_x());
  message.set_num_samples(request.num_samples);
  if (request.seed) message.set_seed(*request.seed);
  if (request.pi_temperature) message.set_pi_temperature(*request.pi_temperature);
  if (request.sigma_scale) message.set_sigma_scale(*request.sigma_scale);
  message.set_return_components(request.return_components);
  return message;
}

v1::LogLikelihoodRequest ToMessage(const LogLikelihoodRequest& request) {
  v1::LogLikelihoodRequest message;
  *message.mutable_model() = ToMessage(request.model);
  Fill(request.x, message.mutable_x());
  Fill(request.y, message.mutable_y());
  return message;
}

v1::StreamedRequest ToStreamed(const PredictRequest& request) {
  v1::StreamedRequest streamed;
  *streamed.mutable_predict() = ToMessage(request);
  return streamed;
}

v1::StreamedRequest ToStreamed(const SampleRequest& request) {
  v1::StreamedRequest streamed;
  *streamed.mutable_sample() = ToMessage(request);
  return streamed;
}

v1::StreamedRequest ToStreamed(const LogLikelihoodRequest& request) {
  v1::StreamedRequest streamed;
  *streamed.mutable_log_likelihood() = ToMessage(request);
  return streamed;
}

ExpectedAnswer Expect(const PredictRequest& request) { return {WithoutLast(request.x.shape)}; }

ExpectedAnswer Expect(const SampleRequest& request) {
  // On the wire 0 stands for 1.
  const int64_t num_samples = request.num_samples == 0 ? 1 : request.num_samples;
  return {WithoutLast(request.x.shape), num_samples, request.return_components};
}

ExpectedAnswer Expect(const LogLikelihoodRequest& request) {
  return {WithoutLast(request.y.shape)};
}

absl::StatusOr<Prediction> ToResult(const v1::PredictResponse& response,
                                    const ExpectedAnswer& expected) {
  ArrayReader reader(expected.leading);
  Prediction result;
  result.model = ToResult(response.model());
  result.log_pi = reader.Read("log_pi", response.log_pi(), {kAnyPositive});
  const int64_t components = result.log_pi.shape.back();
  result.mu = reader.Read("mu", response.mu(), {components, kAnyPositive});
  const int64_t dims = result.mu.shape.back();
  result.sigma = reader.Read("sigma", response.sigma(), {components, dims});
  if (response.has_scale_tril()) {
    result.scale_tril = reader.Read("scale_tril", response.scale_tril(), {components, dims, dims});
  }
  if (!reader.status().ok()) return reader.status();
  return result;
}

absl::StatusOr<Samples> ToResult(const v1::SampleResponse& response,
                                 const ExpectedAnswer& expected) {
  ArrayReader reader(expected.leading);
  Samples result;
  result.model = ToResult(response.model());
  result.seed = response.seed();
  result.samples = reader.Read("samples", response.samples(), {expected.num_samples, kAnyPositive});
  result.components.assign(response.components().begin(), response.components().end());
  const int64_t count =
      expected.components ? ElementCount(WithoutLast(result.samples.shape)).value_or(0) : 0;
  if (static_cast<int64_t>(result.components.size()) != count) {
    reader.Update(Malformed(
        absl::StrCat("components holds ", result.components.size(), " numbers, expected ", count)));
  }
  if (!reader.status().ok()) return reader.status();
  return result;
}

absl::StatusOr<LogLikelihoods> ToResult(const v1::LogLikelihoodResponse& response,
                                        const ExpectedAnswer& expected) {
  ArrayReader reader(expected.leading);
  LogLikelihoods result;
  result.model = ToResult(response.model());
  result.log_likelihood = reader.Read("log_likelihood", response.log_likelihood(), {});
  if (!reader.status().ok()) return reader.status();
  return result;
}

namespace {

/// Of joined parts: `kept` last dimensions after those that the request decides.
void Reshape(const Shape& decided, int kept, v1::Tensor& tensor) {
  Shape shape = decided;
  const int first = std::max(0, tensor.shape_size() - kept);
  shape.insert(shape.end(), tensor.shape().begin() + first, tensor.shape().end());
  tensor.mutable_shape()->Assign(shape.begin(), shape.end());
}

void Reshape(const ExpectedAnswer& expected, v1::PredictResponse& response) {
  Reshape(expected.leading, 1, *response.mutable_log_pi());
  Reshape(expected.leading, 2, *response.mutable_mu());
  Reshape(expected.leading, 2, *response.mutable_sigma());
  if (response.has_scale_tril()) Reshape(expected.leading, 3, *response.mutable_scale_tril());
}

void Reshape(const ExpectedAnswer& expected, v1::SampleResponse& response) {
  Shape decided = expected.leading;
  decided.push_back(expected.num_samples);
  Reshape(decided, 1, *response.mutable_samples());
}

void Reshape(const ExpectedAnswer& expected, v1::LogLikelihoodResponse& response) {
  Reshape(expected.leading, 0, *response.mutable_log_likelihood());
}

template <typename Response>
auto ToResult(bool right_kind, bool in_parts, Response* response, const ExpectedAnswer& expected)
    -> decltype(client_internal::ToResult(*response, expected)) {
  if (!right_kind) return Malformed("it answers a request of another kind");
  if (in_parts) Reshape(expected, *response);
  return client_internal::ToResult(*response, expected);
}

}  // namespace

template <>
absl::StatusOr<Prediction> ToResult(StreamedAnswer& answer, const ExpectedAnswer& expected) {
  v1::StreamedResponse& response = answer.response();
  return ToResult(response.has_predict(), answer.in_parts(), response.mutable_predict(), expected);
}

template <>
absl::StatusOr<Samples> ToResult(StreamedAnswer& answer, const ExpectedAnswer& expected) {
  v1::StreamedResponse& response = answer.response();
  return ToResult(response.has_sample(), answer.in_parts(), response.mutable_sample(), expected);
}

template <>
absl::StatusOr<LogLikelihoods> ToResult(StreamedAnswer& answer, const ExpectedAnswer& expected) {
  v1::StreamedResponse& response = answer.response();
  return ToResult(response.has_log_likelihood(), answer.in_parts(),
                  response.mutable_log_likelihood(), expected);
}

ModelInfo ToResult(const v1::ModelInfo& info) {
  ModelInfo result;
  result.model = ToResult(info.model());
  result.dim_in = info.dim_in();
  result.dim_out = info.dim_out();
  result.n_components = info.n_components();
  result.hidden_sizes.assign(info.hidden_sizes().begin(), info.hidden_sizes().end());
  result.noise_type = ToEnum(info.noise_type(), ModelInfo::NoiseType::kFull);
  if (info.has_fixed_noise_level()) result.fixed_noise_level = info.fixed_noise_level();
  result.isotropic_layout = ToEnum(info.isotropic_layout(), ModelInfo::IsotropicLayout::kTiled);
  result.standardized = info.standardized();
  result.format = info.format();
  result.sha256 = info.sha256();
  result.engine = info.engine();
  result.loaded_at = absl::FromUnixSeconds(info.loaded_at().seconds()) +
                     absl::Nanoseconds(info.loaded_at().nanos());
  result.limits = ToResult(info.limits());
  result.source = info.source();
  return result;
}

std::vector<ModelVersion> ToResult(const v1::ListModelsResponse& response) {
  std::vector<ModelVersion> result;
  result.reserve(response.models_size());
  for (const v1::ModelVersion& model : response.models()) {
    result.push_back({ToResult(model.model()), ToEnum(model.state(), ModelVersion::State::kAvailable),
                      model.reason(), model.is_default(),
                      {model.labels().begin(), model.labels().end()}});
  }
  return result;
}

ServingStatus ToResult(const grpc::health::v1::HealthCheckResponse& response) {
  switch (response.status()) {
    case grpc::health::v1::HealthCheckResponse::SERVING:
      return ServingStatus::kServing;
    case grpc::health::v1::HealthCheckResponse::NOT_SERVING:
      return ServingStatus::kNotServing;
    default:
      return ServingStatus::kUnknown;
  }
}

}  // namespace mdn::client_internal

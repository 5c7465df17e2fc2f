#include "server/rpc/operations.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <utility>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/strings/str_cat.h"
#include "model/mixture/density.h"

namespace mdn {
namespace {

using Shape = absl::InlinedVector<int64_t, 8>;

// Of a response that is not numbers: field tags, lengths, shapes, the model's name and version.
constexpr int64_t kResponseOverheadBytes = 1024;

Shape Extended(absl::Span<const int64_t> leading, std::initializer_list<int64_t> trailing) {
  Shape shape(leading.begin(), leading.end());
  shape.insert(shape.end(), trailing.begin(), trailing.end());
  return shape;
}

/// rows * per_row, where that is at most `limit`.
absl::StatusOr<int64_t> BoundedProduct(absl::string_view field, int64_t rows, int64_t per_row,
                                       absl::string_view limit_name, int64_t limit) {
  int64_t product = 0;
  if (!__builtin_mul_overflow(rows, per_row, &product) && product <= limit) return product;
  return absl::InvalidArgumentError(absl::StrCat(field, ": ", rows, " rows times ", per_row,
                                                 " is more than ", limit_name, " = ", limit));
}

/// `numbers` of 4 bytes each must fit into one message.
absl::Status CheckResponseSize(int64_t numbers, const Limits& limits) {
  const int64_t allowed = (limits.max_message_bytes - kResponseOverheadBytes) / 4;
  if (numbers <= allowed) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "x: the response would hold ", numbers, " numbers; at most ", std::max<int64_t>(0, allowed),
      " fit into max_message_bytes = ", limits.max_message_bytes,
      ", so ask for fewer rows or samples at a time"));
}

absl::StatusOr<float> AtLeastZero(absl::string_view field, float value) {
  if (std::isfinite(value) && value >= 0) return value;
  return absl::InvalidArgumentError(
      absl::StrCat(field, ": got ", value, "; expected a finite number, at least 0"));
}

absl::StatusOr<SamplingOptions> ReadSampling(const v1::SampleRequest& request) {
  SamplingOptions options;
  if (request.has_pi_temperature()) {
    const auto value = AtLeastZero("pi_temperature", request.pi_temperature());
    if (!value.ok()) return value.status();
    options.pi_temperature = *value;
  }
  if (request.has_sigma_scale()) {
    const auto value = AtLeastZero("sigma_scale", request.sigma_scale());
    if (!value.ok()) return value.status();
    options.sigma_scale = *value;
  }
  options.seed = request.seed();
  if (!request.has_seed() && getentropy(&options.seed, sizeof(options.seed)) != 0) {
    return absl::InternalError("the system gave no random seed");
  }
  return options;
}

void CopyRows(const std::vector<float>& from, int64_t width, int64_t begin, int64_t rows,
              int64_t first_row, TensorWriter& to) {
  std::copy_n(from.begin() + begin * width, rows * width, to.values().begin() + first_row * width);
}

}  // namespace

absl::StatusOr<Rows> Rows::Read(const v1::Tensor& x, v1::TensorEncoding encoding,
                                const ModelShape& model, const Limits& limits) {
  absl::StatusOr<TensorReader> reader = TensorReader::Read("x", x);
  if (!reader.ok()) return reader.status();
  const absl::Span<const int64_t> shape = reader->shape();
  if (shape.empty() || shape.back() != model.dim_in) {
    return absl::InvalidArgumentError(
        absl::StrCat("x: got shape ", ShapeText(shape), "; expected [*, ", model.dim_in,
                     "], whose last dimension is the model's dim_in"));
  }
  const absl::StatusOr<v1::TensorEncoding> response_encoding = ResponseEncoding(encoding, x);
  if (!response_encoding.ok()) return response_encoding.status();

  Rows rows(*std::move(reader));
  rows.leading_ = shape.first(shape.size() - 1);
  rows.count_ = static_cast<int64_t>(rows.x_.values().size()) / model.dim_in;
  rows.encoding_ = *response_encoding;
  if (rows.count_ > limits.max_request_rows) {
    return absl::InvalidArgumentError(absl::StrCat(
        "x: got ", rows.count_, " rows; at most max_request_rows = ", limits.max_request_rows));
  }
  return rows;
}

absl::StatusOr<PredictOperation> PredictOperation::Create(const v1::PredictRequest& request,
                                                          const ModelShape& model,
                                                          const Limits& limits,
                                                          v1::PredictResponse& response) {
  absl::StatusOr<Rows> rows = Rows::Read(request.x(), request.encoding(), model, limits);
  if (!rows.ok()) return rows.status();
  const int64_t k = model.mixture.components;
  const int64_t d = model.mixture.dims;
  const int64_t numbers_per_row = k * (1 + 2 * d + (model.mixture.full_covariance ? d * d : 0));
  if (absl::Status status = CheckResponseSize(rows->count() * numbers_per_row, limits);
      !status.ok()) {
    return status;
  }
  PredictOperation operation(*std::move(rows));
  const auto leading = operation.rows_.leading();
  const v1::TensorEncoding encoding = operation.rows_.response_encoding();
  operation.log_pi_ = {Extended(leading, {k}), encoding, *response.mutable_log_pi()};
  operation.mu_ = {Extended(leading, {k, d}), encoding, *response.mutable_mu()};
  operation.sigma_ = {Extended(leading, {k, d}), encoding, *response.mutable_sigma()};
  if (model.mixture.full_covariance) {
    operation.scale_tril_ = {Extended(leading, {k, d, d}), encoding,
                             *response.mutable_scale_tril()};
  }
  return operation;
}

void PredictOperation::Consume(const Mixture& mixture, int64_t begin, int64_t first_row,
                               int64_t rows) {
  const int64_t k = mixture.shape.components;
  const int64_t d = mixture.shape.dims;
  CopyRows(mixture.log_pi, k, begin, rows, first_row, log_pi_);
  CopyRows(mixture.mu, k * d, begin, rows, first_row, mu_);
  CopyRows(mixture.sigma, k * d, begin, rows, first_row, sigma_);
  if (mixture.shape.full_covariance) {
    CopyRows(mixture.scale_tril, k * d * d, begin, rows, first_row, scale_tril_);
  }
}

absl::StatusOr<SampleOperation> SampleOperation::Create(const v1::SampleRequest& request,
                                                        const ModelShape& model,
                                                        const Limits& limits,
                                                        v1::SampleResponse& response) {
  absl::StatusOr<Rows> rows = Rows::Read(request.x(), request.encoding(), model, limits);
  if (!rows.ok()) return rows.status();
  if (request.num_samples() < 0) {
    return absl::InvalidArgumentError(absl::StrCat("num_samples: got ", request.num_samples(),
                                                   "; expected at least 1, or 0 for 1"));
  }
  const int64_t num_samples = std::max<int64_t>(1, request.num_samples());
  const absl::StatusOr<int64_t> draws =
      BoundedProduct("num_samples", std::max<int64_t>(1, rows->count()), num_samples,
                     "max_samples_per_request", limits.max_samples_per_request);
  if (!draws.ok()) return draws.status();
  const int64_t numbers_per_draw = model.mixture.dims + (request.return_components() ? 1 : 0);
  if (absl::Status status =
          CheckResponseSize(rows->count() * num_samples * numbers_per_draw, limits);
      !status.ok()) {
    return status;
  }
  const absl::StatusOr<SamplingOptions> sampling = ReadSampling(request);
  if (!sampling.ok()) return sampling.status();

  SampleOperation operation(*std::move(rows));
  operation.num_samples_ = num_samples;
  operation.sampling_ = *sampling;
  response.set_seed(sampling->seed);
  operation.samples_ = {Extended(operation.rows_.leading(), {num_samples, model.mixture.dims}),
                        operation.rows_.response_encoding(), *response.mutable_samples()};
  if (request.return_components()) {
    auto& components = *response.mutable_components();
    components.Resize(static_cast<int>(operation.rows_.count() * num_samples), 0);
    operation.components_ = absl::MakeSpan(components.mutable_data(), components.size());
  }
  return operation;
}

void SampleOperation::Consume(const Mixture& mixture, int64_t begin, int64_t first_row,
                              int64_t rows) {
  const int64_t numbers = num_samples_ * mixture.shape.dims;
  for (int64_t i = 0; i < rows; ++i) {
    const int64_t row = first_row + i;
    DrawSamples(
        mixture.Row(begin + i), sampling_, row, samples_.values().subspan(row * numbers, numbers),
        components_.empty() ? components_ : components_.subspan(row * num_samples_, num_samples_));
  }
}

absl::StatusOr<LogLikelihoodOperation> LogLikelihoodOperation::Create(
    const v1::LogLikelihoodRequest& request, const ModelShape& model, const Limits& limits,
    v1::LogLikelihoodResponse& response) {
  absl::StatusOr<Rows> rows = Rows::Read(request.x(), request.encoding(), model, limits);
  if (!rows.ok()) return rows.status();
  absl::StatusOr<TensorReader> y = TensorReader::Read("y", request.y());
  if (!y.ok()) return y.status();

  const absl::Span<const int64_t> leading = rows->leading();
  const absl::Span<const int64_t> shape = y->shape();
  const bool one_each = shape.size() == leading.size() + 1;
  const bool many_each = shape.size() == leading.size() + 2;
  if (!(one_each || many_each) || shape.back() != model.mixture.dims ||
      shape.first(leading.size()) != leading) {
    return absl::InvalidArgumentError(absl::StrCat(
        "y: got shape ", ShapeText(shape), "; expected ",
        ShapeText(Extended(leading, {model.mixture.dims})), ", or [M, ", model.mixture.dims,
        "] after the leading dimensions ", ShapeText(leading), " of x"));
  }
  const int64_t points = one_each ? 1 : shape[leading.size()];
  const absl::StatusOr<int64_t> densities = BoundedProduct(
      "y", rows->count(), points, "max_samples_per_request", limits.max_samples_per_request);
  if (!densities.ok()) return densities.status();
  if (absl::Status status = CheckResponseSize(*densities, limits); !status.ok()) return status;

  LogLikelihoodOperation operation(*std::move(rows), *std::move(y));
  operation.points_ = points;
  operation.log_likelihood_ = {one_each ? Extended(operation.rows_.leading(), {})
                                        : Extended(operation.rows_.leading(), {points}),
                               operation.rows_.response_encoding(),
                               *response.mutable_log_likelihood()};
  return operation;
}

void LogLikelihoodOperation::Consume(const Mixture& mixture, int64_t begin, int64_t first_row,
                                     int64_t rows) {
  const int64_t numbers = points_ * mixture.shape.dims;
  for (int64_t i = 0; i < rows; ++i) {
    const int64_t row = first_row + i;
    LogDensity(mixture.Row(begin + i), y_.values().subspan(row * numbers, numbers),
               log_likelihood_.values().subspan(row * points_, points_));
  }
}

}  // namespace mdn

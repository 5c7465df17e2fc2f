#include "server/rpc/operations.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <initializer_list>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "model/mixture/density.h"

namespace mdn {
namespace {

// Of a response that is not numbers: field tags, lengths, shapes, the model's name and version.
constexpr int64_t kResponseOverheadBytes = 1024;

/// rows * per_row, where that is at most `limit`.
absl::StatusOr<int64_t> BoundedProduct(absl::string_view field, int64_t rows, int64_t per_row,
                                       absl::string_view limit_name, int64_t limit) {
  int64_t product = 0;
  if (!__builtin_mul_overflow(rows, per_row, &product) && product <= limit) return product;
  return absl::InvalidArgumentError(absl::StrCat(field, ": ", rows, " rows times ", per_row,
                                                 " is more than ", limit_name, " = ", limit));
}

/// What an answer consists of: for every row its draws, each of some numbers of 4 bytes.
struct AnswerSize {
  int64_t rows = 0;
  int64_t draws = 1;
  int64_t numbers = 0;
};

// The parts of an answer that does not fit into one message, at most: small enough that a few of
// them are no burden.
constexpr int64_t kPartsInMessage = 4;

/// The next part of an answer whose parts are of `most` numbers, if possible: whole rows, else an
/// even number of one row's draws.
AnswerPart NextPart(const AnswerSize& size, int64_t most, AnswerProgress& progress) {
  AnswerPart part;
  part.first_row = progress.next_row;
  part.first_draw = progress.next_draw;
  const int64_t numbers_per_row = size.draws * size.numbers;
  if (numbers_per_row <= most || size.draws == 1) {
    part.rows = std::min(size.rows - part.first_row, std::max<int64_t>(1, most / numbers_per_row));
    part.draws = size.draws;
    progress.next_row += part.rows;
  } else {
    part.rows = 1;
    part.draws =
        std::min(size.draws - part.first_draw, std::max<int64_t>(2, most / size.numbers / 2 * 2));
    progress.next_draw += part.draws;
    if (progress.next_draw == size.draws) {
      progress.next_draw = 0;
      ++progress.next_row;
    }
  }
  progress.more = progress.next_row < size.rows;
  return part;
}

/// What the response is to hold, and sets `rows` to it.
absl::StatusOr<AnswerPart> ChoosePart(const AnswerSize& size, const Limits& limits,
                                      AnswerProgress* progress, Rows& rows) {
  const int64_t allowed =
      std::max<int64_t>(0, (limits.max_message_bytes - kResponseOverheadBytes) / 4);
  const int64_t numbers = size.rows * size.draws * size.numbers;
  if (numbers <= allowed) return AnswerPart{0, size.rows, 0, size.draws};
  const int64_t least = size.draws == 1 ? size.numbers : 2 * size.numbers;
  if (progress == nullptr || least > allowed) {
    return absl::InvalidArgumentError(
        absl::StrCat("x: the response would hold ", numbers, " numbers; at most ", allowed,
                     " fit into max_message_bytes = ", limits.max_message_bytes,
                     ", so ask for fewer rows or samples at a time"));
  }
  const AnswerPart part = NextPart(size, allowed / kPartsInMessage, *progress);
  rows.Choose(part);
  return part;
}

absl::StatusOr<float> AtLeastZero(absl::string_view field, float value) {
  if (std::isfinite(value) && value >= 0) return value;
  return absl::InvalidArgumentError(
      absl::StrCat(field, ": got ", value, "; expected a finite number, at least 0"));
}

/// From the system, which gives many at once for the price of one.
absl::StatusOr<uint64_t> RandomSeed() {
  constexpr size_t kMostAtOnce = 256 / sizeof(uint64_t);
  static thread_local std::array<uint64_t, kMostAtOnce> seeds;
  static thread_local size_t left = 0;
  if (left == 0) {
    if (getentropy(seeds.data(), sizeof(seeds)) != 0) {
      return absl::InternalError("the system gave no random seed");
    }
    left = seeds.size();
  }
  return seeds[--left];
}

absl::StatusOr<SamplingOptions> ReadSampling(const v1::SampleRequest& request,
                                             AnswerProgress* progress) {
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
  if (request.has_seed()) {
    options.seed = request.seed();
  } else if (progress != nullptr && progress->seed.has_value()) {
    options.seed = *progress->seed;
  } else {
    const auto seed = RandomSeed();
    if (!seed.ok()) return seed.status();
    options.seed = *seed;
  }
  if (progress != nullptr) progress->seed = options.seed;
  return options;
}

/// `rows` rows of `width` numbers each, from row `begin` on, to row `first_row` on.
void CopyRows(const std::vector<float>& from, int64_t width, int64_t begin, int64_t rows,
              int64_t first_row, char* to) {
  const int64_t row_bytes = width * static_cast<int64_t>(sizeof(float));
  std::memcpy(to + first_row * row_bytes, from.data() + begin * width, rows * row_bytes);
}

/// A tensor of a response whose numbers are aligned.
absl::Span<float> WriteAlignedTensor(int field, const TensorShape& shape,
                                     v1::TensorEncoding encoding, WireMessage& response) {
  char* const numbers = response.WriteTensor(field, shape, encoding);
  return absl::MakeSpan(reinterpret_cast<float*>(numbers), shape.numbers());
}

}  // namespace

ModelShape ShapeOf(const ServedModel& model) {
  const ModelDescription& description = model.description();
  return {model.engine().dim_in(), model.engine().shape(), description.name, description.version};
}

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
  rows.dim_in_ = model.dim_in;
  rows.leading_ = shape.first(shape.size() - 1);
  rows.count_ = static_cast<int64_t>(rows.x_.values().size()) / model.dim_in;
  rows.encoding_ = *response_encoding;
  if (rows.count_ > limits.max_request_rows) {
    return absl::InvalidArgumentError(absl::StrCat(
        "x: got ", rows.count_, " rows; at most max_request_rows = ", limits.max_request_rows));
  }
  return rows;
}

void Rows::Choose(const AnswerPart& part) {
  first_ = part.first_row;
  count_ = part.rows;
  chosen_ = true;
}

absl::StatusOr<PredictOperation> PredictOperation::Create(const v1::PredictRequest& request,
                                                          const ModelShape& model,
                                                          const Limits& limits,
                                                          WireMessage& response,
                                                          AnswerProgress* progress) {
  absl::StatusOr<Rows> rows = Rows::Read(request.x(), request.encoding(), model, limits);
  if (!rows.ok()) return rows.status();
  const int64_t k = model.mixture.components;
  const int64_t d = model.mixture.dims;
  const int64_t numbers_per_row = k * (1 + 2 * d + (model.mixture.full_covariance ? d * d : 0));
  const auto part = ChoosePart({rows->count(), 1, numbers_per_row}, limits, progress, *rows);
  if (!part.ok()) return part.status();
  PredictOperation operation(*std::move(rows));
  operation.BeginResponse(model, response);
  return operation;
}

void PredictOperation::BeginResponse(const ModelShape& model, WireMessage& response) {
  using Response = v1::PredictResponse;
  const auto [k, d, full] = model.mixture;
  const v1::TensorEncoding encoding = rows_.response_encoding();
  const TensorShape log_pi(rows_.leading(), {k});
  const TensorShape mu(rows_.leading(), {k, d});
  std::optional<TensorShape> scale_tril;
  if (full) scale_tril.emplace(rows_.leading(), std::initializer_list<int64_t>{k, d, d});
  response.Allocate(SpecFieldBytes(model.name, model.version) + log_pi.field_bytes() +
                    2 * mu.field_bytes() + (full ? scale_tril->field_bytes() : 0));
  response.WriteSpec(Response::kModelFieldNumber, model.name, model.version);
  log_pi_ = response.WriteTensor(Response::kLogPiFieldNumber, log_pi, encoding);
  mu_ = response.WriteTensor(Response::kMuFieldNumber, mu, encoding);
  sigma_ = response.WriteTensor(Response::kSigmaFieldNumber, mu, encoding);
  if (!full) return;
  scale_tril_ = response.WriteTensor(Response::kScaleTrilFieldNumber, *scale_tril, encoding);
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
                                                        const Limits& limits, WireMessage& response,
                                                        AnswerProgress* progress) {
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
  absl::StatusOr<SamplingOptions> sampling = ReadSampling(request, progress);
  if (!sampling.ok()) return sampling.status();
  const auto part =
      ChoosePart({rows->count(), num_samples, numbers_per_draw}, limits, progress, *rows);
  if (!part.ok()) return part.status();
  sampling->first_sample = part->first_draw;

  SampleOperation operation(*std::move(rows));
  operation.num_samples_ = part->draws;
  operation.sampling_ = *sampling;
  operation.BeginResponse(model, request.return_components(), response);
  return operation;
}

void SampleOperation::BeginResponse(const ModelShape& model, bool with_components,
                                    WireMessage& response) {
  using Response = v1::SampleResponse;
  const TensorShape samples(rows_.leading(), {num_samples_, model.mixture.dims});
  component_width_ = VarintWidth(static_cast<uint32_t>(model.mixture.components - 1));
  const int64_t component_bytes =
      with_components ? rows_.count() * num_samples_ * component_width_ : 0;
  const size_t front = SpecFieldBytes(model.name, model.version) + samples.field_bytes();
  response.Allocate(front + VarintFieldBytes(sampling_.seed) +
                        (component_bytes > 0 ? BytesFieldBytes(component_bytes) : 0),
                    front);  // The samples end there.
  response.WriteSpec(Response::kModelFieldNumber, model.name, model.version);
  samples_ = WriteAlignedTensor(Response::kSamplesFieldNumber, samples, rows_.response_encoding(),
                                response);
  response.WriteVarint(Response::kSeedFieldNumber, sampling_.seed);
  if (component_bytes == 0) return;
  components_ = response.WriteBytes(Response::kComponentsFieldNumber, component_bytes);
}

void SampleOperation::Consume(const Mixture& mixture, int64_t begin, int64_t first_row,
                              int64_t rows) {
  const int64_t numbers = num_samples_ * mixture.shape.dims;
  std::vector<int32_t> components(components_ == nullptr ? 0 : num_samples_);
  for (int64_t i = 0; i < rows; ++i) {
    const int64_t row = first_row + i;
    DrawSamples(mixture.Row(begin + i), sampling_, rows_.first() + row,
                samples_.subspan(row * numbers, numbers), absl::MakeSpan(components));
    WriteComponents(components, row);
  }
}

void SampleOperation::WriteComponents(absl::Span<const int32_t> components, int64_t row) {
  if (components_ == nullptr) return;
  char* to = components_ + row * num_samples_ * component_width_;
  for (const int32_t component : components) {
    WritePaddedVarint(component, component_width_, to);
    to += component_width_;
  }
}

absl::StatusOr<LogLikelihoodOperation> LogLikelihoodOperation::Create(
    const v1::LogLikelihoodRequest& request, const ModelShape& model, const Limits& limits,
    WireMessage& response, AnswerProgress* progress) {
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
        ShapeText(TensorShape(leading, {model.mixture.dims}).sizes()), ", or [M, ",
        model.mixture.dims, "] after the leading dimensions ", ShapeText(leading), " of x"));
  }
  const int64_t points = one_each ? 1 : shape[leading.size()];
  const absl::StatusOr<int64_t> densities = BoundedProduct(
      "y", rows->count(), points, "max_samples_per_request", limits.max_samples_per_request);
  if (!densities.ok()) return densities.status();
  const auto part = ChoosePart({rows->count(), points, 1}, limits, progress, *rows);
  if (!part.ok()) return part.status();

  LogLikelihoodOperation operation(*std::move(rows), *std::move(y));
  operation.points_ = points;
  operation.part_points_ = part->draws;
  operation.first_point_ = part->first_draw;
  operation.BeginResponse(model, one_each, response);
  return operation;
}

void LogLikelihoodOperation::BeginResponse(const ModelShape& model, bool one_each,
                                           WireMessage& response) {
  using Response = v1::LogLikelihoodResponse;
  const TensorShape shape =
      one_each ? TensorShape(rows_.leading()) : TensorShape(rows_.leading(), {part_points_});
  const size_t bytes = SpecFieldBytes(model.name, model.version) + shape.field_bytes();
  response.Allocate(bytes, bytes);  // The numbers end there.
  response.WriteSpec(Response::kModelFieldNumber, model.name, model.version);
  log_likelihood_ = WriteAlignedTensor(Response::kLogLikelihoodFieldNumber, shape,
                                       rows_.response_encoding(), response);
}

void LogLikelihoodOperation::Consume(const Mixture& mixture, int64_t begin, int64_t first_row,
                                     int64_t rows) {
  const int64_t dims = mixture.shape.dims;
  for (int64_t i = 0; i < rows; ++i) {
    const int64_t row = first_row + i;
    const int64_t first = (rows_.first() + row) * points_ + first_point_;
    LogDensity(mixture.Row(begin + i), y_.values().subspan(first * dims, part_points_ * dims),
               log_likelihood_.subspan(row * part_points_, part_points_));
  }
}

}  // namespace mdn

#ifndef MDN_SERVER_RPC_OPERATIONS_H_
#define MDN_SERVER_RPC_OPERATIONS_H_

#include <cstdint>
#include <optional>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "mdn/v1/mdn.pb.h"
#include "model/mixture/mixture.h"
#include "model/mixture/sampling.h"
#include "server/limits.h"
#include "server/repository/served_model.h"
#include "server/rpc/tensor_codec.h"
#include "server/rpc/wire_message.h"

// What each method does with its rows. Every operation
//   - checks its request whole in Create: the only place that validates, and everything that can be
//     refused is refused there, with INVALID_ARGUMENT. Create also writes the response, but for the
//     numbers;
//   - turns the mixtures of any of its rows into their numbers of the response in Consume, which
//     may run for different rows at the same time. The response is whole when that has been done
//     for every row.
// Without a progress the response is the whole answer, and one that is too large is refused. With
// one it is the next part, and so is that of the next operation that is created for the same
// request with the same progress.
// Request and response must outlive the operation.

namespace mdn {

/// What an operation must know of the model that it asks.
struct ModelShape {
  int64_t dim_in = 0;
  MixtureShape mixture;
  /// What the response calls it.
  absl::string_view name;
  int64_t version = 0;
};

/// The model outlives what is returned.
ModelShape ShapeOf(const ServedModel& model);

/// Which part of an answer a response holds: for each of some rows some draws, which are samples,
/// or points of y.
struct AnswerPart {
  int64_t first_row = 0;
  int64_t rows = 0;
  int64_t first_draw = 0;
  int64_t draws = 1;
};

/// How far an answer has got that may come in parts.
struct AnswerProgress {
  int64_t next_row = 0;
  /// Of that row.
  int64_t next_draw = 0;
  /// Another part follows.
  bool more = false;
  /// That the parts have in common.
  std::optional<uint64_t> seed;
};

/// The rows of a request's x, and later those of a part of its answer.
class Rows {
 public:
  static absl::StatusOr<Rows> Read(const v1::Tensor& x, v1::TensorEncoding encoding,
                                   const ModelShape& model, const Limits& limits);

  /// Chooses the rows of one of several parts. The leading dimension is their number then.
  void Choose(const AnswerPart& part);

  absl::Span<const float> x() const {
    return x_.values().subspan(first_ * dim_in_, count_ * dim_in_);
  }
  int64_t first() const { return first_; }
  int64_t count() const { return count_; }
  /// x's shape without its last dimension.
  absl::Span<const int64_t> leading() const {
    return chosen_ ? absl::MakeConstSpan(&count_, 1) : leading_;
  }
  v1::TensorEncoding response_encoding() const { return encoding_; }

 private:
  explicit Rows(TensorReader x) : x_(std::move(x)) {}
  TensorReader x_;
  int64_t dim_in_ = 0;
  int64_t first_ = 0;
  int64_t count_ = 0;
  absl::Span<const int64_t> leading_;
  bool chosen_ = false;
  v1::TensorEncoding encoding_ = v1::TENSOR_ENCODING_VALUES;
};

class PredictOperation {
 public:
  static constexpr RowPurpose kPurpose = RowPurpose::kPredict;

  static absl::StatusOr<PredictOperation> Create(const v1::PredictRequest& request,
                                                 const ModelShape& model, const Limits& limits,
                                                 WireMessage& response,
                                                 AnswerProgress* progress = nullptr);
  const Rows& rows() const { return rows_; }
  /// No row needs to be evaluated.
  bool empty() const { return rows_.count() == 0; }
  /// Uses rows [begin, begin + rows) of `mixture` for rows [first_row, …) of rows().
  void Consume(const Mixture& mixture, int64_t begin, int64_t first_row, int64_t rows);

 private:
  explicit PredictOperation(Rows rows) : rows_(std::move(rows)) {}
  void BeginResponse(const ModelShape& model, WireMessage& response);

  Rows rows_;
  // Where their numbers stand in the response, not aligned.
  char* log_pi_ = nullptr;
  char* mu_ = nullptr;
  char* sigma_ = nullptr;
  char* scale_tril_ = nullptr;
};

class SampleOperation {
 public:
  static constexpr RowPurpose kPurpose = RowPurpose::kSample;

  static absl::StatusOr<SampleOperation> Create(const v1::SampleRequest& request,
                                                const ModelShape& model, const Limits& limits,
                                                WireMessage& response,
                                                AnswerProgress* progress = nullptr);
  const Rows& rows() const { return rows_; }
  bool empty() const { return rows_.count() == 0; }
  void Consume(const Mixture& mixture, int64_t begin, int64_t first_row, int64_t rows);

 private:
  explicit SampleOperation(Rows rows) : rows_(std::move(rows)) {}
  void BeginResponse(const ModelShape& model, bool with_components, WireMessage& response);
  void WriteComponents(absl::Span<const int32_t> components, int64_t row);

  Rows rows_;
  /// For each row, in this part.
  int64_t num_samples_ = 1;
  SamplingOptions sampling_;
  absl::Span<float> samples_;
  /// Packed varints of component_width_ bytes each; null unless asked for.
  char* components_ = nullptr;
  int component_width_ = 1;
};

class LogLikelihoodOperation {
 public:
  static constexpr RowPurpose kPurpose = RowPurpose::kLogLikelihood;

  static absl::StatusOr<LogLikelihoodOperation> Create(const v1::LogLikelihoodRequest& request,
                                                       const ModelShape& model,
                                                       const Limits& limits, WireMessage& response,
                                                       AnswerProgress* progress = nullptr);
  const Rows& rows() const { return rows_; }
  bool empty() const { return rows_.count() == 0 || points_ == 0; }
  void Consume(const Mixture& mixture, int64_t begin, int64_t first_row, int64_t rows);

 private:
  LogLikelihoodOperation(Rows rows, TensorReader y) : rows_(std::move(rows)), y_(std::move(y)) {}
  void BeginResponse(const ModelShape& model, bool one_each, WireMessage& response);

  Rows rows_;
  TensorReader y_;
  /// Points of y for each row, those of this part, and which comes first.
  int64_t points_ = 1;
  int64_t part_points_ = 1;
  int64_t first_point_ = 0;
  absl::Span<float> log_likelihood_;
};

}  // namespace mdn

#endif  // MDN_SERVER_RPC_OPERATIONS_H_

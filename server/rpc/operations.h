#ifndef MDN_SERVER_RPC_OPERATIONS_H_
#define MDN_SERVER_RPC_OPERATIONS_H_

#include <cstdint>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "mdn/v1/mdn.pb.h"
#include "model/mixture/mixture.h"
#include "model/mixture/sampling.h"
#include "server/limits.h"
#include "server/rpc/tensor_codec.h"

// What each method does with its rows. Every operation
//   - checks its request whole in Create, which also sizes the response: the only place that
//     validates, and everything that can be refused is refused there, with INVALID_ARGUMENT;
//   - turns the mixtures of any of its rows into their part of the response in Consume, which may
//     run for different rows at the same time.
// Request and response must outlive the operation.

namespace mdn {

/// What an operation must know of the model that it asks.
struct ModelShape {
  int64_t dim_in = 0;
  MixtureShape mixture;
};

/// The rows of a request's x.
class Rows {
 public:
  static absl::StatusOr<Rows> Read(const v1::Tensor& x, v1::TensorEncoding encoding,
                                   const ModelShape& model, const Limits& limits);

  absl::Span<const float> x() const { return x_.values(); }
  int64_t count() const { return count_; }
  /// x's shape without its last dimension.
  absl::Span<const int64_t> leading() const { return leading_; }
  v1::TensorEncoding response_encoding() const { return encoding_; }

 private:
  explicit Rows(TensorReader x) : x_(std::move(x)) {}
  TensorReader x_;
  int64_t count_ = 0;
  absl::Span<const int64_t> leading_;
  v1::TensorEncoding encoding_ = v1::TENSOR_ENCODING_VALUES;
};

class PredictOperation {
 public:
  static absl::StatusOr<PredictOperation> Create(const v1::PredictRequest& request,
                                                 const ModelShape& model, const Limits& limits,
                                                 v1::PredictResponse& response);
  const Rows& rows() const { return rows_; }
  /// No row needs to be evaluated.
  bool empty() const { return rows_.count() == 0; }
  /// Uses rows [begin, begin + rows) of `mixture` for rows [first_row, …) of the request.
  void Consume(const Mixture& mixture, int64_t begin, int64_t first_row, int64_t rows);

 private:
  explicit PredictOperation(Rows rows) : rows_(std::move(rows)) {}
  Rows rows_;
  TensorWriter log_pi_, mu_, sigma_, scale_tril_;
};

class SampleOperation {
 public:
  static absl::StatusOr<SampleOperation> Create(const v1::SampleRequest& request,
                                                const ModelShape& model, const Limits& limits,
                                                v1::SampleResponse& response);
  const Rows& rows() const { return rows_; }
  bool empty() const { return rows_.count() == 0; }
  void Consume(const Mixture& mixture, int64_t begin, int64_t first_row, int64_t rows);

 private:
  explicit SampleOperation(Rows rows) : rows_(std::move(rows)) {}
  Rows rows_;
  int64_t num_samples_ = 1;
  SamplingOptions sampling_;
  TensorWriter samples_;
  absl::Span<int32_t> components_;
};

class LogLikelihoodOperation {
 public:
  static absl::StatusOr<LogLikelihoodOperation> Create(const v1::LogLikelihoodRequest& request,
                                                       const ModelShape& model,
                                                       const Limits& limits,
                                                       v1::LogLikelihoodResponse& response);
  const Rows& rows() const { return rows_; }
  bool empty() const { return rows_.count() == 0 || points_ == 0; }
  void Consume(const Mixture& mixture, int64_t begin, int64_t first_row, int64_t rows);

 private:
  LogLikelihoodOperation(Rows rows, TensorReader y) : rows_(std::move(rows)), y_(std::move(y)) {}
  Rows rows_;
  TensorReader y_;
  /// Points of y for each row.
  int64_t points_ = 1;
  TensorWriter log_likelihood_;
};

}  // namespace mdn

#endif  // MDN_SERVER_RPC_OPERATIONS_H_

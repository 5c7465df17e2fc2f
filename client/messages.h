#ifndef MDN_CLIENT_MESSAGES_H_
#define MDN_CLIENT_MESSAGES_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "client/streamed_answer.h"
#include "grpc/health/v1/health.pb.h"
#include "mdn/types.h"
#include "mdn/v1/mdn.pb.h"

namespace mdn::client_internal {

// The client's types to messages and back: the only place that converts. Nothing in a request is
// checked here; in a response everything is that a reader of the result relies on.

v1::ModelSpec ToMessage(const ModelId& model);
v1::PredictRequest ToMessage(const PredictRequest& request);
v1::SampleRequest ToMessage(const SampleRequest& request);
v1::LogLikelihoodRequest ToMessage(const LogLikelihoodRequest& request);

v1::StreamedRequest ToStreamed(const PredictRequest& request);
v1::StreamedRequest ToStreamed(const SampleRequest& request);
v1::StreamedRequest ToStreamed(const LogLikelihoodRequest& request);

/// The shape that the answer to a request must have, as far as the request decides it.
struct ExpectedAnswer {
  /// The leading dimensions `*`; for LogLikelihood the whole shape, [*] or [*, M].
  std::vector<int64_t> leading;
  /// Sample only: how many for each row, and whether `components` was asked for.
  int64_t num_samples = 0;
  bool components = false;
};

ExpectedAnswer Expect(const PredictRequest& request);
ExpectedAnswer Expect(const SampleRequest& request);
ExpectedAnswer Expect(const LogLikelihoodRequest& request);

/// INTERNAL where an array's shape does not fit its numbers, the request or the other arrays.
absl::StatusOr<Prediction> ToResult(const v1::PredictResponse& response,
                                    const ExpectedAnswer& expected);
absl::StatusOr<Samples> ToResult(const v1::SampleResponse& response,
                                 const ExpectedAnswer& expected);
absl::StatusOr<LogLikelihoods> ToResult(const v1::LogLikelihoodResponse& response,
                                        const ExpectedAnswer& expected);

/// The same of a streamed answer, which also has to be of the right kind. Where it came in parts
/// its shapes are first made what they are for the request.
template <typename Result>
absl::StatusOr<Result> ToResult(StreamedAnswer& answer, const ExpectedAnswer& expected);

ModelInfo ToResult(const v1::ModelInfo& info);
std::vector<ModelVersion> ToResult(const v1::ListModelsResponse& response);
ServingStatus ToResult(const grpc::health::v1::HealthCheckResponse& response);

}  // namespace mdn::client_internal

#endif  // MDN_CLIENT_MESSAGES_H_

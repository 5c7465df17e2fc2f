#include "client/streamed_answer.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace mdn::client_internal {
namespace {

void Append(const v1::Tensor& part, v1::Tensor& whole) {
  whole.mutable_values()->MergeFrom(part.values());
  whole.mutable_raw()->append(part.raw());
}

void Append(const v1::PredictResponse& part, v1::PredictResponse& whole) {
  Append(part.log_pi(), *whole.mutable_log_pi());
  Append(part.mu(), *whole.mutable_mu());
  Append(part.sigma(), *whole.mutable_sigma());
  if (part.has_scale_tril()) Append(part.scale_tril(), *whole.mutable_scale_tril());
}

void Append(const v1::SampleResponse& part, v1::SampleResponse& whole) {
  Append(part.samples(), *whole.mutable_samples());
  whole.mutable_components()->MergeFrom(part.components());
}

void Append(const v1::LogLikelihoodResponse& part, v1::LogLikelihoodResponse& whole) {
  Append(part.log_likelihood(), *whole.mutable_log_likelihood());
}

void Append(const v1::StreamedResponse& part, v1::StreamedResponse& whole) {
  switch (part.response_case()) {
    case v1::StreamedResponse::kPredict:
      return Append(part.predict(), *whole.mutable_predict());
    case v1::StreamedResponse::kSample:
      return Append(part.sample(), *whole.mutable_sample());
    case v1::StreamedResponse::kLogLikelihood:
      return Append(part.log_likelihood(), *whole.mutable_log_likelihood());
    default:
      return;
  }
}

}  // namespace

absl::Status StreamedAnswer::Add(v1::StreamedResponse part, int64_t max_bytes) {
  if (part.has_error()) {
    if (part.error().code() == 0) {
      return absl::InternalError("the server's answer is malformed: an error without a code");
    }
    return absl::Status(static_cast<absl::StatusCode>(part.error().code()), part.error().message());
  }
  if (parts_ > 0 && part.response_case() != response_.response_case()) {
    return absl::InternalError(
        "the server's answer is malformed: its parts are of different kinds");
  }
  bytes_ += static_cast<int64_t>(part.ByteSizeLong());
  if (bytes_ > max_bytes) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the answer is larger than max_response_bytes = ", max_bytes));
  }
  if (++parts_ == 1) {
    response_ = std::move(part);
  } else {
    Append(part, response_);
  }
  return absl::OkStatus();
}

}  // namespace mdn::client_internal

#include "server/rpc/streamed_evaluation.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "server/rpc/status.h"

namespace mdn {
namespace {

// A response has the number of its request.
template <int kRequest, int kResponse>
constexpr bool kSameNumber = kRequest == kResponse;
static_assert(kSameNumber<v1::StreamedRequest::kPredictFieldNumber,
                          v1::StreamedResponse::kPredictFieldNumber>);
static_assert(
    kSameNumber<v1::StreamedRequest::kSampleFieldNumber, v1::StreamedResponse::kSampleFieldNumber>);
static_assert(kSameNumber<v1::StreamedRequest::kLogLikelihoodFieldNumber,
                          v1::StreamedResponse::kLogLikelihoodFieldNumber>);

}  // namespace

StreamedEvaluation::RowsTask::RowsTask(StreamedEvaluation& evaluation, const Rows& rows,
                                       SteadyTime deadline)
    : Task(rows.x(), rows.count(), deadline, &evaluation.owner_), evaluation_(evaluation) {}

void StreamedEvaluation::RowsTask::Consume(const Mixture& mixture, int64_t begin, int64_t first_row,
                                           int64_t rows) {
  std::visit(
      [&](auto& operation) {
        if constexpr (!std::is_same_v<std::decay_t<decltype(operation)>, std::monostate>) {
          operation.Consume(mixture, begin, first_row, rows);
        }
      },
      evaluation_.operation_);
}

void StreamedEvaluation::RowsTask::Done(absl::Status status) {
  if (status.ok()) evaluation_.model_->CountAnswered(evaluation_.purpose_, rows());
  evaluation_.owner_.Evaluated(evaluation_, status, followed());
}

bool StreamedEvaluation::Parse(absl::string_view bytes) {
  if (!request_.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return false;
  if (bytes.size() > kNoticeableBytes) request_.DiscardUnknownFields();
  id_ = request_.id();
  return true;
}

absl::Status StreamedEvaluation::Prepare(const MdnService& service, SteadyTime stream_deadline) {
  deadline_ = DeadlineOf(stream_deadline);
  return CreateOperation(service);
}

absl::Status StreamedEvaluation::CreateOperation(const MdnService& service) {
  response_field_ = request_.request_case();
  switch (request_.request_case()) {
    case v1::StreamedRequest::kPredict:
      return Create<PredictOperation>(service, request_.predict());
    case v1::StreamedRequest::kSample:
      return Create<SampleOperation>(service, request_.sample());
    case v1::StreamedRequest::kLogLikelihood:
      return Create<LogLikelihoodOperation>(service, request_.log_likelihood());
    case v1::StreamedRequest::REQUEST_NOT_SET:
      break;
  }
  return absl::InvalidArgumentError(
      "request: got none of those known; expected predict, sample or log_likelihood");
}

SteadyTime StreamedEvaluation::DeadlineOf(SteadyTime stream_deadline) const {
  if (request_.timeout_ms() == 0) return stream_deadline;
  return std::min(stream_deadline, std::chrono::steady_clock::now() +
                                       std::chrono::milliseconds(request_.timeout_ms()));
}

template <class Operation, class Request>
absl::Status StreamedEvaluation::Create(const MdnService& service, const Request& request) {
  if (model_ == nullptr) {
    auto model = service.Find(request.model());
    if (!model.ok()) return model.status();
    model_ = *std::move(model);
  }
  purpose_ = Operation::kPurpose;
  auto operation =
      Operation::Create(request, ShapeOf(*model_), service.limits(), response_, &progress_);
  if (!operation.ok()) return operation.status();
  // The request is held twice: parsed, and as it was on the wire or decoded.
  bytes_ = static_cast<int64_t>(sizeof(*this) + 2 * request_.ByteSizeLong() + response_.bytes());
  if (operation->empty()) return absl::OkStatus();
  task_.emplace(*this, operation_.emplace<Operation>(*std::move(operation)).rows(), deadline_);
  return absl::OkStatus();
}

void StreamedEvaluation::Fail(const absl::Status& status) {
  task_.reset();
  operation_.emplace<std::monostate>();
  arena_.Reset();
  SetError(status);
  bytes_ = static_cast<int64_t>(sizeof(*this) + error_.size());
}

void StreamedEvaluation::SetError(const absl::Status& status) {
  response_ = WireMessage();
  progress_.more = false;
  response_field_ = v1::StreamedResponse::kErrorFieldNumber;
  error_ = grpc::Slice(ToRpcStatus(status).SerializeAsString());
}

void StreamedEvaluation::AddTo(StreamResponseWriter& message) const {
  const bool failed = response_field_ == v1::StreamedResponse::kErrorFieldNumber;
  message.Add(id_, response_field_, failed ? error_ : response_.slice(), more());
}

size_t StreamedEvaluation::response_bytes() const {
  return std::max(error_.size(), response_.bytes()) + StreamResponseWriter::kOverheadBytes;
}

}  // namespace mdn

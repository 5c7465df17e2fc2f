#include "server/rpc/streamed_evaluation.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "server/rpc/status.h"

namespace mdn {

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
  evaluation_.owner_.Evaluated(evaluation_, status, followed());
}

bool StreamedEvaluation::Parse(absl::string_view bytes) {
  CreateMessages();
  if (!request_->ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return false;
  response_->set_id(request_->id());
  return true;
}

absl::Status StreamedEvaluation::Prepare(const MdnService& service, SteadyTime stream_deadline) {
  const SteadyTime deadline = DeadlineOf(stream_deadline);
  switch (request_->request_case()) {
    case v1::StreamedRequest::kPredict:
      return Create<PredictOperation>(service, request_->predict(), *response_->mutable_predict(),
                                      deadline);
    case v1::StreamedRequest::kSample:
      return Create<SampleOperation>(service, request_->sample(), *response_->mutable_sample(),
                                     deadline);
    case v1::StreamedRequest::kLogLikelihood:
      return Create<LogLikelihoodOperation>(service, request_->log_likelihood(),
                                            *response_->mutable_log_likelihood(), deadline);
    case v1::StreamedRequest::REQUEST_NOT_SET:
      break;
  }
  return absl::InvalidArgumentError(
      "request: got none of those known; expected predict, sample or log_likelihood");
}

SteadyTime StreamedEvaluation::DeadlineOf(SteadyTime stream_deadline) const {
  if (request_->timeout_ms() == 0) return stream_deadline;
  return std::min(stream_deadline, std::chrono::steady_clock::now() +
                                       std::chrono::milliseconds(request_->timeout_ms()));
}

template <class Operation, class Request, class Response>
absl::Status StreamedEvaluation::Create(const MdnService& service, const Request& request,
                                        Response& response, SteadyTime deadline) {
  auto model = service.Find(request.model());
  if (!model.ok()) return model.status();
  model_ = *std::move(model);
  const ModelShape shape{model_->engine().dim_in(), model_->engine().shape()};
  auto operation = Operation::Create(request, shape, service.limits(), response);
  if (!operation.ok()) return operation.status();
  SetSpec(model_->description(), *response.mutable_model());
  Measure();
  if (operation->empty()) return absl::OkStatus();
  task_.emplace(*this, operation_.emplace<Operation>(*std::move(operation)).rows(), deadline);
  return absl::OkStatus();
}

void StreamedEvaluation::Fail(const absl::Status& status) {
  task_.reset();
  operation_.emplace<std::monostate>();
  const uint64_t id = request_->id();
  arena_.Reset();
  CreateMessages();
  response_->set_id(id);
  SetError(status);
  Measure();
}

void StreamedEvaluation::SetError(const absl::Status& status) {
  *response_->mutable_error() = ToRpcStatus(status);
}

void StreamedEvaluation::CreateMessages() {
  request_ = google::protobuf::Arena::CreateMessage<v1::StreamedRequest>(&arena_);
  response_ = google::protobuf::Arena::CreateMessage<v1::StreamedResponse>(&arena_);
}

// Both are held twice: parsed, or decoded, and as they are on the wire.
void StreamedEvaluation::Measure() {
  bytes_ = static_cast<int64_t>(sizeof(*this) +
                                2 * (request_->ByteSizeLong() + response_->ByteSizeLong()));
}

}  // namespace mdn

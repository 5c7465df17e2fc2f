#include "server/rpc/stream_call.h"

#include <utility>

#include "server/rpc/gathered_tasks.h"

namespace mdn {
namespace {

absl::Status MalformedMessage() {
  return absl::InvalidArgumentError("a message of the stream cannot be parsed");
}

}  // namespace

void StreamCall::Listen(CallEndpoint<MdnService>& endpoint, int depth) {
  ListenForCalls<StreamCall>(endpoint, depth);
}

void StreamCall::Listen() {
  endpoint_.gate.Add();
  context_.AsyncNotifyWhenDone(&gone_event_);
  endpoint_.service.async_service().RequestStream(&context_, &stream_, &endpoint_.queue,
                                                  &endpoint_.queue, &arrived_event_);
}

void StreamCall::Arrived(bool ok) {
  if (!ok) {  // The server is shutting down, and nothing else will come.
    Delete();
    return;
  }
  record_.Arrived();
  (new StreamCall(endpoint_, record_.method()))->Listen();
  deadline_ = Deadline(context_);
  access_revision_ = endpoint_.access_revision();
  const absl::Status status = endpoint_.Admit(context_);
  admitted_ = status.ok();
  if (status.ok()) endpoint_.service.open_streams().Add(*this);
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!status.ok()) EndLocked(status);
    beginning_ = false;
  }
  BeginRequests();
  Release();
}

void StreamCall::Read(bool ok) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    reading_ = false;
    if (ok) {
      TakeMessageLocked();
    } else {
      EndLocked(absl::OkStatus());
    }
    arriving_.Clear();
  }
  BeginRequests();
  Release();
}

void StreamCall::Written(bool ok) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    writing_ = false;
    for (StreamedEvaluation* const evaluation : std::exchange(written_.evaluations, {})) {
      if (evaluation->more()) {
        unfinished_.push_back(evaluation);
      } else {
        RecycleLocked(evaluation);
      }
    }
    if (!ok || cancelled_) DropLocked();
  }
  BeginRequests();
  Release();
}

void StreamCall::Gone(bool /*ok*/) {
  if (context_.IsCancelled()) Cancel();
  Release();
}

void StreamCall::Cancel() {
  std::vector<StreamedEvaluation*> evaluating;
  const absl::Status why = GoneStatus(context_);
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    EndLocked(why);
    DropLocked();
    evaluating = evaluating_;
  }
  // Whatever ends from here on stays in dropped_.
  for (StreamedEvaluation* const evaluation : evaluating) {
    evaluation->model()->batcher().Cancel(*evaluation->task(), why);
  }
  BeginRequests();
}

void StreamCall::Drain() {
  std::unique_lock<std::mutex> lock(mutex_);
  if (!end_.has_value()) EndLocked(absl::UnavailableError("the server is draining"));
  Act(std::move(lock));
}

void StreamCall::TakeMessageLocked() {
  if (cancelled_ || finishing_) return;
  absl::Status status = endpoint_.Readmit(context_, access_revision_);
  if (status.ok()) status = endpoint_.gate.Reserve(static_cast<int64_t>(arriving_.Length()));
  if (!status.ok()) return EndLocked(status);
  message_ = StreamRequestReader(arriving_);
}

void StreamCall::ReleaseMessageLocked() {
  endpoint_.gate.Return(static_cast<int64_t>(message_.size()));
  message_ = StreamRequestReader();
}

void StreamCall::BeginRequests() {
  std::unique_lock<std::mutex> lock(mutex_);
  news_ = true;
  if (beginning_) return;
  beginning_ = true;
  while (std::exchange(news_, false)) {
    while (MayBeginLocked()) {
      if (!unfinished_.empty()) {
        std::unique_ptr<StreamedEvaluation> evaluation(unfinished_.front());
        unfinished_.pop_front();
        window_.RemoveBytes(evaluation->bytes());
        lock.unlock();
        Continue(std::move(evaluation));
      } else {
        const absl::string_view request = message_.Take();
        lock.unlock();
        Begin(request);
      }
      lock.lock();
    }
    if (!message_.AtEnd()) continue;
    if (message_.malformed()) EndLocked(MalformedMessage());
    ReleaseMessageLocked();
    if (end_.has_value() || reading_ || !window_.open() || !unfinished_.empty()) continue;
    reading_ = true;
    ++references_;
    lock.unlock();
    stream_.Read(&arriving_, &read_event_);
    lock.lock();
  }
  beginning_ = false;
  Act(std::move(lock));
}

bool StreamCall::MayBeginLocked() const {
  if (unfinished_.empty() && message_.AtEnd()) return false;
  // Whatever a request takes, it gets it when it is alone.
  return window_.open() || (evaluating_.empty() && outgoing_.empty() && !writing_);
}

void StreamCall::Begin(absl::string_view bytes) {
  auto evaluation = std::make_unique<StreamedEvaluation>(*this);
  if (!evaluation->Parse(bytes)) return End(MalformedMessage());
  absl::Status status = evaluation->Prepare(endpoint_.service, deadline_);
  Reserve(std::move(evaluation), std::move(status));
}

void StreamCall::Continue(std::unique_ptr<StreamedEvaluation> evaluation) {
  endpoint_.gate.Return(evaluation->bytes());
  absl::Status status = evaluation->PrepareNext(endpoint_.service);
  Reserve(std::move(evaluation), std::move(status));
}

void StreamCall::Reserve(std::unique_ptr<StreamedEvaluation> evaluation, absl::Status status) {
  if (status.ok()) status = endpoint_.gate.Reserve(evaluation->bytes());
  if (!status.ok()) {
    record_.method().CountRejection(status);
    evaluation->Fail(status);
    status = endpoint_.gate.Reserve(evaluation->bytes());
    if (!status.ok()) return End(status);  // There is no memory even to say so.
  }
  Submit(std::move(evaluation));
}

void StreamCall::Submit(std::unique_ptr<StreamedEvaluation> evaluation) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    window_.AddBytes(evaluation->bytes());
    if (cancelled_ || evaluation->task() == nullptr) return AnswerLocked(evaluation.release());
    window_.AddRows(evaluation->task()->rows());
    evaluation->place = evaluating_.size();
    evaluating_.push_back(evaluation.get());
    ++references_;
  }
  // From here on it is Evaluated's.
  StreamedEvaluation* const submitted = evaluation.release();
  GatheredTasks::OfThisThread().Add(submitted->model(), *submitted->task(),
                                    std::chrono::steady_clock::now());
}

void StreamCall::Evaluated(StreamedEvaluation& evaluation, const absl::Status& status,
                           bool followed) {
  const int64_t rows = evaluation.task()->rows();
  if (!status.ok()) {
    record_.method().CountRejection(status);
    evaluation.SetError(status);
  }
  {
    std::unique_lock<std::mutex> lock(mutex_);
    window_.RemoveRows(rows);
    evaluating_.back()->place = evaluation.place;
    evaluating_[evaluation.place] = evaluating_.back();
    evaluating_.pop_back();
    AnswerLocked(&evaluation);
    if (!followed) Act(std::move(lock));
  }
  Release();
}

void StreamCall::AnswerLocked(StreamedEvaluation* evaluation) {
  if (cancelled_) {
    dropped_.push_back(evaluation);
    return;
  }
  const size_t bytes = evaluation->response_bytes();
  const auto room = static_cast<size_t>(endpoint_.service.limits().max_message_bytes);
  if (outgoing_.empty() || outgoing_.back().message.bytes() + bytes > room) {
    outgoing_.emplace_back();
  }
  evaluation->AddTo(outgoing_.back().message);
  outgoing_.back().evaluations.push_back(evaluation);
}

void StreamCall::RecycleLocked(StreamedEvaluation* evaluation) {
  window_.RemoveBytes(evaluation->bytes());
  endpoint_.gate.Return(evaluation->bytes());
  delete evaluation;
}

void StreamCall::End(const absl::Status& status) {
  const std::lock_guard<std::mutex> lock(mutex_);
  message_.DropRest();
  EndLocked(status);
}

void StreamCall::EndLocked(const absl::Status& status) {
  if (finishing_) return;
  // The caller has sent its last message, but an answer may still be lost.
  if (!end_.has_value() || end_->ok()) end_ = status;
}

// Nobody reads any more.
void StreamCall::DropLocked() {
  cancelled_ = true;
  EndLocked(absl::CancelledError("the caller has gone"));
  message_.DropRest();
  for (const Outgoing& message : outgoing_) {
    for (StreamedEvaluation* const evaluation : message.evaluations) RecycleLocked(evaluation);
  }
  outgoing_.clear();
  for (StreamedEvaluation* const evaluation : unfinished_) RecycleLocked(evaluation);
  unfinished_.clear();
}

void StreamCall::Act(std::unique_lock<std::mutex> lock) {
  if (beginning_ || writing_ || finishing_) return;
  if (!outgoing_.empty()) {
    writing_ = true;
    ++references_;
    written_ = std::move(outgoing_.front());
    outgoing_.pop_front();
    lock.unlock();
    stream_.Write(written_.message.Take(), &written_event_);
  } else if (end_.has_value() && message_.AtEnd() && evaluating_.empty() && unfinished_.empty()) {
    finishing_ = true;
    ++references_;
    lock.unlock();
    endpoint_.Record(record_, kMethod, context_, *end_);
    stream_.Finish(ToGrpcStatus(*end_, context_), &finished_event_);
  }
}

/// Without the lock, which goes with the last reference.
void StreamCall::Release() {
  if (--references_ != 0) return;
  endpoint_.service.open_streams().Remove(*this);
  for (StreamedEvaluation* const evaluation : dropped_) RecycleLocked(evaluation);
  if (admitted_) endpoint_.gate.Leave();
  Delete();
}

void StreamCall::Delete() {
  CallGate& gate = endpoint_.gate;
  delete this;
  gate.Remove();
}

}  // namespace mdn

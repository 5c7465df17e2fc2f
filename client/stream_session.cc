#include "client/stream_session.h"

#include <algorithm>
#include <iterator>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/status.h"

namespace mdn::client_internal {
namespace {

// More gain little, and would be late for the engine.
constexpr int kMaxMessageRequests = 256;
constexpr size_t kMaxMessageBytes = 256 << 10;
// MDN Server closes connections after ten minutes.
constexpr absl::Duration kMaxCallAge = absl::Minutes(5);

/// Rounded up, and never 0, which would stand for no timeout.
uint32_t ToMilliseconds(absl::Duration timeout) {
  const absl::Duration whole = absl::Ceil(timeout, absl::Milliseconds(1));
  return static_cast<uint32_t>(std::max<int64_t>(1, absl::ToInt64Milliseconds(whole)));
}

absl::Status EndOf(const grpc::Status& end) {
  if (end.ok()) return absl::UnavailableError("the server ended the stream");
  // A proxy that loses its server ends the call without a status.
  if (MayGoOn(end) || end.error_code() == grpc::StatusCode::UNKNOWN) {
    return absl::UnavailableError(end.error_message());
  }
  return ToAbslStatus(end);
}

}  // namespace

StreamSession::StreamSession(std::shared_ptr<const ServerRotation> servers, StreamOptions options,
                             int64_t max_response_bytes)
    : servers_(std::move(servers)), options_(options), max_response_bytes_(max_response_bytes) {}

StreamSession::~StreamSession() {
  Stop();
  events_.Shutdown();
  void* tag = nullptr;
  bool ok = false;
  while (events_.Next(&tag, &ok)) {
  }
}

void StreamSession::Stop() {
  Cancel();
  {
    const Lock lock(mutex_);
    stopping_ = true;
    if (thread_.joinable()) Wake();
  }
  if (thread_.joinable()) thread_.join();
}

uint64_t StreamSession::Send(v1::StreamedRequest request, const CallOptions& options, Done done) {
  const uint64_t id = next_id_.fetch_add(1, std::memory_order_relaxed);
  const absl::Time now = absl::Now();
  const absl::Time deadline = DeadlineAfter(options.timeout.value_or(options_.timeout), now);
  request.set_id(id);
  request.set_timeout_ms(ToMilliseconds(deadline - now));
  Lock lock(mutex_);
  if (absl::Status status = AwaitRoom(lock, deadline); !status.ok()) {
    lock.unlock();
    StreamedAnswer none;
    done(status, none);
    return id;
  }
  requests_.emplace(id, Request{std::move(done), deadline, {}});
  deadlines_.emplace(deadline, id);
  if (unsent_.size() + unconfirmed_.size() >= drop_at_) DropForgotten();
  Enqueue(std::move(request));
  if (!thread_.joinable()) thread_ = std::thread([this] { HandleEvents(); });
  // On its own thread there may be more to come, and it looks after everything in the end.
  if (OnOwnThread()) return id;
  Advance();
  if (deadline < looks_at_) Wake();
  return id;
}

absl::Status StreamSession::AwaitRoom(Lock& lock, absl::Time deadline) {
  const auto full = [this] {
    return refusal_.ok() && requests_.size() >= static_cast<size_t>(options_.max_in_flight);
  };
  if (full() && OnOwnThread()) {
    return absl::ResourceExhaustedError(absl::StrCat("max_in_flight = ", options_.max_in_flight,
                                                     " requests of the stream are under way"));
  }
  if (!changed_.wait_until(lock, absl::ToChronoTime(deadline), [&] { return !full(); })) {
    return absl::DeadlineExceededError("none of the stream's requests under way was answered");
  }
  if (refusal_.ok() && absl::Now() >= deadline) {
    return absl::DeadlineExceededError("the timeout had passed before the request was sent");
  }
  return refusal_;
}

void StreamSession::Enqueue(v1::StreamedRequest request) {
  const size_t bytes = request.ByteSizeLong();
  if (unsent_.empty() || unsent_.back().requests.requests_size() >= kMaxMessageRequests ||
      unsent_.back().bytes + bytes > kMaxMessageBytes) {
    unsent_.emplace_back();
  }
  unsent_.back().bytes += bytes;
  *unsent_.back().requests.add_requests() = std::move(request);
}

void StreamSession::DropForgotten(Message& message) const {
  auto& requests = *message.requests.mutable_requests();
  const auto forgotten = [this](const v1::StreamedRequest& request) {
    return requests_.count(request.id()) == 0;
  };
  requests.erase(std::remove_if(requests.begin(), requests.end(), forgotten), requests.end());
}

void StreamSession::DropForgotten() {
  const auto empty = [](const Message& message) { return message.requests.requests().empty(); };
  for (std::deque<Message>* messages : {&unsent_, &unconfirmed_}) {
    for (Message& message : *messages) DropForgotten(message);
    messages->erase(std::remove_if(messages->begin(), messages->end(), empty), messages->end());
  }
  drop_at_ = std::max(kLeastToDrop, 2 * (unsent_.size() + unconfirmed_.size()));
}

void StreamSession::CancelRequest(uint64_t id) {
  const Lock lock(mutex_);
  if (requests_.count(id) == 0) return;
  Complete(id, absl::CancelledError("the request was cancelled"));
  Wake();
}

void StreamSession::Close() {
  Lock lock(mutex_);
  Refuse(absl::FailedPreconditionError("the stream is closed"));
  Advance();
  changed_.wait(lock, [this] {
    return requests_.empty() && completions_.empty() && !calling_back_ && phase_ == Phase::kNone;
  });
}

void StreamSession::Cancel() {
  const Lock lock(mutex_);
  Refuse(absl::CancelledError("the stream was cancelled"));
  CompleteAll(absl::CancelledError("the stream was cancelled"));
  unsent_.clear();
  if (context_ != nullptr) context_->TryCancel();
  if (thread_.joinable()) Wake();
}

void StreamSession::Refuse(const absl::Status& status) {
  if (refusal_.ok()) refusal_ = status;
  changed_.notify_all();
}

void StreamSession::HandleEvents() {
  Lock lock(mutex_);
  while (!stopping_ || phase_ != Phase::kNone || !completions_.empty()) {
    looks_at_ = deadlines_.empty() ? absl::InfiniteFuture() : deadlines_.begin()->first;
    const absl::Time until = looks_at_;
    lock.unlock();
    void* tag = nullptr;
    bool ok = false;
    const auto next = events_.AsyncNext(&tag, &ok, absl::ToChronoTime(until));
    lock.lock();
    if (next == grpc::CompletionQueue::GOT_EVENT) {
      (this->*static_cast<Event*>(tag)->handle)(ok);
    }
    Expire(absl::Now());
    CallBack(lock);
    Advance();
    changed_.notify_all();
  }
}

// What the callbacks hold is the user's, so it goes without the lock as well.
void StreamSession::CallBack(Lock& lock) {
  while (!completions_.empty()) {
    std::vector<Completion> completions = std::exchange(completions_, {});
    calling_back_ = true;
    lock.unlock();
    for (Completion& completion : completions) {
      completion.request.done(completion.status, completion.request.answer);
    }
    completions.clear();
    lock.lock();
    calling_back_ = false;
  }
}

void StreamSession::Advance() {
  if (requests_.empty()) unsent_.clear();  // They expired, or were cancelled, unsent.
  if (phase_ == Phase::kNone && !unsent_.empty()) Open();
  if (phase_ != Phase::kOpen || writing_) return;
  if (ShouldHalfClose()) {
    phase_ = Phase::kHalfClosed;
    writing_ = true;
    call_->WritesDone(&half_closed_);
  } else {
    Write();
  }
}

bool StreamSession::ShouldHalfClose() const {
  if (!refusal_.ok() && requests_.empty()) return true;
  return absl::Now() - opened_at_ > kMaxCallAge && !unsent_.empty();
}

void StreamSession::Open() {
  if (server_ == nullptr) {
    route_ = servers_->Next();
    server_ = route_.Next();
  }
  if (server_ == nullptr) {
    CompleteAll(servers_->no_server());
    return Wake();
  }
  phase_ = Phase::kOpening;
  context_ = std::make_unique<grpc::ClientContext>();
  call_ = server_->mdn->PrepareAsyncStream(context_.get(), &events_);
  call_->StartCall(&opened_);
}

void StreamSession::Opened(bool ok) {
  if (!ok) {
    phase_ = Phase::kEnding;
    call_->Finish(&end_, &closed_);
    return;
  }
  phase_ = Phase::kOpen;
  opened_at_ = absl::Now();
  call_->Read(&arriving_, &read_);
}

// The next message that still holds a request, if there is one.
void StreamSession::Write() {
  while (!writing_ && !unsent_.empty()) {
    Message message = std::move(unsent_.front());
    unsent_.pop_front();
    DropForgotten(message);
    if (message.requests.requests().empty()) continue;
    writing_ = true;
    call_->Write(message.requests, &written_);
    if (!answered_) unconfirmed_.push_back(std::move(message));
  }
}

void StreamSession::Written(bool ok) {
  writing_ = false;
  if (!ok && phase_ == Phase::kOpen) phase_ = Phase::kHalfClosed;  // Lost; the read ends it.
  if (ended_) EndCall();
}

void StreamSession::HalfClosed(bool ok) { Written(ok); }

void StreamSession::Read(bool ok) {
  if (!ok) {
    phase_ = Phase::kEnding;
    call_->Finish(&end_, &closed_);
    return;
  }
  answered_ = true;
  unconfirmed_.clear();
  for (v1::StreamedResponse& response : *arriving_.mutable_responses()) Take(std::move(response));
  call_->Read(&arriving_, &read_);
}

void StreamSession::Take(v1::StreamedResponse response) {
  const auto found = requests_.find(response.id());
  if (found == requests_.end()) return;  // It has expired, or was cancelled.
  const bool more = response.more();
  const uint64_t id = response.id();
  const absl::Status status = found->second.answer.Add(std::move(response), max_response_bytes_);
  if (!more || !status.ok()) Complete(id, status);
}

void StreamSession::Complete(uint64_t id, const absl::Status& status) {
  const auto found = requests_.find(id);
  deadlines_.erase({found->second.deadline, id});
  completions_.push_back({std::move(found->second), status});
  requests_.erase(found);
  changed_.notify_one();
}

void StreamSession::CompleteAll(const absl::Status& status) {
  while (!requests_.empty()) Complete(requests_.begin()->first, status);
  unsent_.clear();
  unconfirmed_.clear();
}

void StreamSession::Expire(absl::Time now) {
  while (!deadlines_.empty() && deadlines_.begin()->first <= now) {
    Complete(deadlines_.begin()->second,
             absl::DeadlineExceededError("the timeout passed before there was an answer"));
  }
}

void StreamSession::Closed(bool /*ok*/) {
  ended_ = true;
  if (!writing_) EndCall();
}

// Nothing of the call is under way any more.
void StreamSession::EndCall() {
  call_.reset();
  context_.reset();
  phase_ = Phase::kNone;
  ended_ = false;
  const bool answered = std::exchange(answered_, false);
  const absl::Status status = EndOf(end_);
  server_ = nullptr;
  if (!answered && absl::IsUnavailable(status) && !end_.ok()) server_ = route_.Next();
  if (server_ != nullptr) {
    // Nobody took it, so the next server may.
    std::move(unconfirmed_.rbegin(), unconfirmed_.rend(), std::front_inserter(unsent_));
    unconfirmed_.clear();
    return;
  }
  if (answered || end_.ok()) {
    CompleteSent(status);
  } else {
    CompleteAll(status);
  }
}

void StreamSession::CompleteSent(const absl::Status& status) {
  absl::flat_hash_set<uint64_t> unsent;
  for (const Message& message : unsent_) {
    for (const v1::StreamedRequest& request : message.requests.requests()) {
      unsent.insert(request.id());
    }
  }
  std::vector<uint64_t> sent;
  for (const auto& [id, request] : requests_) {
    if (!unsent.contains(id)) sent.push_back(id);
  }
  for (const uint64_t id : sent) Complete(id, status);
  unconfirmed_.clear();
}

void StreamSession::Wake() {
  if (std::exchange(waking_, true)) return;
  alarm_.Set(&events_, gpr_now(GPR_CLOCK_MONOTONIC), &woken_);
}

void StreamSession::Woken(bool /*ok*/) { waking_ = false; }

}  // namespace mdn::client_internal

#include "client/pending_call.h"

#include "client/status.h"

namespace mdn::client_internal {

void PendingCall::Begin(Route route, absl::Time deadline, grpc::CompletionQueue& completions) {
  route_ = std::move(route);
  server_ = route_.Next();
  deadline_ = deadline;
  completions_ = &completions;
  Attempt();
}

void PendingCall::Attempt() {
  const std::lock_guard lock(mutex_);
  contexts_.push_back(std::make_unique<grpc::ClientContext>());
  contexts_.back()->set_deadline(absl::ToChronoTime(deadline_));
  Send(*server_, contexts_.back().get(), completions_, &status_);
  // Cancelled before there was anything to cancel, or between two attempts.
  if (cancelled_) contexts_.back()->TryCancel();
}

bool PendingCall::HasAnotherAttempt() {
  {
    const std::lock_guard lock(mutex_);
    if (!MayGoOn(status_) || cancelled_) return false;
  }
  server_ = route_.Next();
  return server_ != nullptr;
}

bool PendingCall::Proceed() {
  if (HasAnotherAttempt()) {
    Attempt();
    return false;
  }
  Deliver(ToAbslStatus(status_));
  return true;
}

void PendingCall::Cancel() {
  const std::lock_guard lock(mutex_);
  cancelled_ = true;
  if (!contexts_.empty()) contexts_.back()->TryCancel();
}

}  // namespace mdn::client_internal

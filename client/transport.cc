#include "client/transport.h"

#include <utility>

#include "absl/time/clock.h"
#include "client/credentials.h"
#include "client/pending_call.h"
#include "client/status.h"

namespace mdn::client_internal {
namespace {

constexpr int kMaxCoalesced = 16384;

}  // namespace

Transport::Transport(const ClientOptions& options)
    : timeout_(options.timeout),
      max_response_bytes_(options.max_response_bytes),
      servers_(std::make_shared<ServerRotation>(
          options.servers, Credentials::Load(options.security), options.max_response_bytes)) {
  if (options.coalesce) session_ = OpenSession({timeout_, kMaxCoalesced});
}

Transport::~Transport() {
  if (session_ != nullptr) session_->Stop();
  absl::flat_hash_set<std::shared_ptr<PendingCall>> running;
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
    running = calls_;
  }
  for (const auto& call : running) call->Cancel();
  std::unique_lock lock(mutex_);
  // A call may go on to its next server until it is cancelled: the queue closes after the last.
  all_done_.wait(lock, [this] { return calls_.empty(); });
  completions_.Shutdown();
  if (completer_.joinable()) completer_.join();
}

std::unique_ptr<StreamSession> Transport::OpenSession(const StreamOptions& options) const {
  return std::make_unique<StreamSession>(servers_, options, max_response_bytes_);
}

absl::Time Transport::Deadline(const CallOptions& options) const {
  return DeadlineAfter(options.timeout.value_or(timeout_), absl::Now());
}

absl::Status Transport::Call(const CallOptions& options, Attempt attempt) const {
  const absl::Time deadline = Deadline(options);
  grpc::Status status;
  Route route = servers_->Next();
  if (route.empty()) return servers_->no_server();
  while (const ServerChannel* const server = route.Next()) {
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(deadline));
    status = attempt(*server, &context);
    if (!MayGoOn(status)) break;
  }
  return ToAbslStatus(status);
}

AsyncCall Transport::Start(const std::shared_ptr<PendingCall>& call, const CallOptions& options) {
  AsyncCall handle = Handle([weak = std::weak_ptr<PendingCall>(call)] {
    if (const auto running = weak.lock()) running->Cancel();
  });
  Route route = servers_->Next();
  absl::Status status = route.empty() ? servers_->no_server() : Register(call);
  if (status.ok()) {
    call->Begin(std::move(route), Deadline(options), completions_);
  } else {
    call->Deliver(status);
  }
  return handle;
}

absl::Status Transport::Register(const std::shared_ptr<PendingCall>& call) {
  const std::lock_guard lock(mutex_);
  if (closing_) return absl::CancelledError("the client is being destroyed");
  if (!completer_.joinable()) completer_ = std::thread([this] { CompleteCalls(); });
  calls_.insert(call);
  return absl::OkStatus();
}

std::shared_ptr<PendingCall> Transport::Registered(void* tag) {
  const std::lock_guard lock(mutex_);
  return *calls_.find(static_cast<PendingCall*>(tag));
}

void Transport::Unregister(const std::shared_ptr<PendingCall>& call) {
  const std::lock_guard lock(mutex_);
  calls_.erase(call);
  if (calls_.empty()) all_done_.notify_all();
}

void Transport::CompleteCalls() {
  void* tag = nullptr;
  bool ok = false;
  while (completions_.Next(&tag, &ok)) {
    // Holds the call until the lock is released: what its callback holds is the user's.
    const std::shared_ptr<PendingCall> call = Registered(tag);
    if (call->Proceed()) Unregister(call);
  }
}

}  // namespace mdn::client_internal

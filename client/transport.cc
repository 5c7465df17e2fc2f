#include "client/transport.h"

#include <algorithm>
#include <utility>

#include "absl/time/clock.h"
#include "client/pending_call.h"
#include "client/status.h"

namespace mdn::client_internal {
namespace {

constexpr absl::Duration kMaxTimeout = absl::Hours(1);

}  // namespace

Transport::Transport(const ClientOptions& options)
    : timeout_(options.timeout),
      credentials_(Credentials::Load(options.security)),
      servers_(credentials_.ok() ? options.servers : std::vector<std::string>(),
               credentials_.value_or(Credentials()), options.max_response_bytes) {}

absl::Status Transport::NoServer() const {
  if (!credentials_.ok()) return credentials_.status();
  return absl::InvalidArgumentError("the list of servers is empty");
}

Transport::~Transport() {
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

absl::Time Transport::Deadline(const CallOptions& options) const {
  return absl::Now() + std::min(options.timeout.value_or(timeout_), kMaxTimeout);
}

absl::Status Transport::Call(const CallOptions& options, Attempt attempt) const {
  const absl::Time deadline = Deadline(options);
  grpc::Status status;
  const Route route = servers_.Next();
  if (route.empty()) return NoServer();
  for (const ServerChannel* server : route) {
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(deadline));
    status = attempt(*server, &context);
    if (status.error_code() != grpc::StatusCode::UNAVAILABLE) break;
  }
  return ToAbslStatus(status);
}

AsyncCall Transport::Start(const std::shared_ptr<PendingCall>& call, const CallOptions& options) {
  AsyncCall handle(call);
  Route route = servers_.Next();
  absl::Status status = route.empty() ? NoServer() : Register(call);
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

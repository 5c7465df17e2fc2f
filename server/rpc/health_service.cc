#include "server/rpc/health_service.h"

#include <atomic>
#include <utility>

#include "absl/strings/str_cat.h"

namespace mdn {
namespace {

using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;

constexpr absl::string_view kServiceName = "grpc.health.v1.Health";

struct CheckRpc {
  static constexpr RpcMethod kMethod{kServiceName, "Check"};
  using Request = HealthCheckRequest;
  using Response = HealthCheckResponse;
  static absl::Status Answer(const HealthService& service, const Request& request,
                             Response& response) {
    const HealthService::ServingStatus status = service.Status(request.service());
    if (status == HealthCheckResponse::SERVICE_UNKNOWN) {
      return absl::NotFoundError("service: there is no such service");
    }
    response.set_status(status);
    return absl::OkStatus();
  }
};

// Longer names are of no service, and would be kept for as long as somebody watches them.
constexpr size_t kMaxServiceNameBytes = 256;

/// One watch, from the wait for it until its end. It owns itself from Listen on. Writes at most one
/// message at a time and leaves out what was overtaken meanwhile. Events come on several threads
/// and in any order, even before Arrived has returned: each one that is still to come, and each
/// that is being handled, holds a reference.
class WatchCall final : public HealthService::Watcher {
 public:
  static constexpr RpcMethod kMethod{kServiceName, "Watch", "server_stream"};

  WatchCall(CallEndpoint<HealthService>& endpoint, MethodMetrics& metrics)
      : endpoint_(endpoint), record_(metrics) {}

  void Listen() {
    endpoint_.gate.Add();
    context_.AsyncNotifyWhenDone(&gone_event_);
    endpoint_.service.async_service().RequestWatch(&context_, &request_, &writer_, &endpoint_.queue,
                                                   &endpoint_.queue, &arrived_event_);
  }

  void Changed(HealthService::ServingStatus status) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    latest_ = status;
    AdvanceLocked();
  }

  void End() override { End(absl::UnavailableError("the server is draining")); }

 private:
  void Arrived(bool ok) {
    if (!ok) {  // The server is shutting down, and nothing else will come.
      Delete();
      return;
    }
    record_.Arrived();
    (new WatchCall(endpoint_, record_.method()))->Listen();
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      arrived_ = true;
    }
    absl::Status status = endpoint_.gate.Enter();
    admitted_ = status.ok();
    if (status.ok()) status = CheckName();
    if (status.ok()) {
      endpoint_.service.Subscribe(request_.service(), *this);
    } else {
      End(status);
    }
    {  // The going may have come first.
      const std::lock_guard<std::mutex> lock(mutex_);
      AdvanceLocked();
    }
    Release();
  }

  absl::Status CheckName() {
    const size_t size = request_.service().size();
    if (size <= kMaxServiceNameBytes) return absl::OkStatus();
    HealthCheckRequest().Swap(&request_);
    return absl::InvalidArgumentError(absl::StrCat(
        "service: got a name of ", size, " bytes; expected at most ", kMaxServiceNameBytes));
  }

  void Written(bool ok) {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      writing_ = false;
      if (!ok) DropLocked();
      AdvanceLocked();
    }
    Release();
  }

  void Gone(bool /*ok*/) {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      DropLocked();
      AdvanceLocked();
    }
    Release();
  }

  void Finished(bool /*ok*/) { Release(); }

  /// Nobody reads any more.
  void DropLocked() {
    written_ = latest_;
    EndLocked(absl::CancelledError());
  }

  void End(const absl::Status& status) {
    const std::lock_guard<std::mutex> lock(mutex_);
    EndLocked(status);
    AdvanceLocked();
  }

  void EndLocked(const absl::Status& status) {
    if (ending_) return;
    ending_ = true;
    end_status_ = status;
  }

  void AdvanceLocked() {
    if (!arrived_ || writing_ || finishing_) return;
    if (latest_ != written_) {
      written_ = latest_;
      writing_ = true;
      ++references_;
      HealthCheckResponse response;
      response.set_status(latest_);
      writer_.Write(response, &written_event_);
    } else if (ending_) {
      finishing_ = true;
      ++references_;
      record_.Handled(end_status_);
      writer_.Finish(ToGrpcStatus(end_status_, context_), &finished_event_);
    }
  }

  /// Without the lock, which goes with the last reference.
  void Release() {
    if (--references_ != 0) return;
    endpoint_.service.Unsubscribe(*this);
    if (admitted_) endpoint_.gate.Leave();
    Delete();
  }

  void Delete() {
    CallGate& gate = endpoint_.gate;
    delete this;
    gate.Remove();
  }

  CallEndpoint<HealthService>& endpoint_;
  MemberEvent<WatchCall> arrived_event_{this, &WatchCall::Arrived};
  MemberEvent<WatchCall> written_event_{this, &WatchCall::Written};
  MemberEvent<WatchCall> finished_event_{this, &WatchCall::Finished};
  MemberEvent<WatchCall> gone_event_{this, &WatchCall::Gone};
  /// The arrival and the going; each write and the finish add theirs.
  std::atomic<int> references_{2};
  bool admitted_ = false;
  CallRecord record_;
  grpc::ServerContext context_;
  HealthCheckRequest request_;
  grpc::ServerAsyncWriter<HealthCheckResponse> writer_{&context_};

  // Guarded by mutex_, which is taken after HealthService's.
  std::mutex mutex_;
  HealthService::ServingStatus latest_ = HealthCheckResponse::UNKNOWN;
  HealthService::ServingStatus written_ = HealthCheckResponse::UNKNOWN;
  absl::Status end_status_;
  /// Before that nothing is written or finished.
  bool arrived_ = false;
  bool writing_ = false;
  bool ending_ = false;
  bool finishing_ = false;
};

}  // namespace

void HealthService::Listen(CallEndpoint<HealthService>& checks,
                           CallEndpoint<HealthService>& watches, int depth) {
  ListenForCalls<ImmediateCall<CheckRpc, HealthService>>(checks, depth);
  ListenForCalls<WatchCall>(watches, depth);
}

void HealthService::SetServing(const std::map<std::string, bool>& services) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (stopped_) return;
  const std::map<std::string, ServingStatus> before = std::exchange(statuses_, {});
  for (const auto& [service, serving] : services) {
    statuses_[service] = serving ? HealthCheckResponse::SERVING : HealthCheckResponse::NOT_SERVING;
  }
  for (const auto& [watcher, service] : watchers_) {
    const ServingStatus status = StatusLocked(service);
    const auto old = before.find(service);
    const bool is_same = old == before.end() ? status == HealthCheckResponse::SERVICE_UNKNOWN
                                             : status == old->second;
    if (!is_same) watcher->Changed(status);
  }
}

void HealthService::StopServing() {
  const std::lock_guard<std::mutex> lock(mutex_);
  StopServingLocked();
}

void HealthService::Drain() {
  const std::lock_guard<std::mutex> lock(mutex_);
  StopServingLocked();
  draining_ = true;
  for (const auto& [watcher, service] : watchers_) watcher->End();
}

void HealthService::StopServingLocked() {
  if (stopped_) return;
  stopped_ = true;
  for (auto& [service, status] : statuses_) status = HealthCheckResponse::NOT_SERVING;
  for (const auto& [watcher, service] : watchers_) watcher->Changed(StatusLocked(service));
}

HealthService::ServingStatus HealthService::Status(const std::string& service) const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return StatusLocked(service);
}

HealthService::ServingStatus HealthService::StatusLocked(const std::string& service) const {
  const auto found = statuses_.find(service);
  return found == statuses_.end() ? HealthCheckResponse::SERVICE_UNKNOWN : found->second;
}

void HealthService::Subscribe(const std::string& service, Watcher& watcher) {
  const std::lock_guard<std::mutex> lock(mutex_);
  watchers_.emplace(&watcher, service);
  watcher.Changed(StatusLocked(service));
  if (draining_) watcher.End();
}

void HealthService::Unsubscribe(Watcher& watcher) {
  const std::lock_guard<std::mutex> lock(mutex_);
  watchers_.erase(&watcher);
}

}  // namespace mdn

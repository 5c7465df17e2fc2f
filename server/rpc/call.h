#ifndef MDN_SERVER_RPC_CALL_H_
#define MDN_SERVER_RPC_CALL_H_

#include <google/protobuf/arena.h>
#include <grpcpp/grpcpp.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>

#include "absl/status/status.h"
#include "server/batching/task.h"
#include "server/log/access_log.h"
#include "server/observability/rpc_metrics.h"
#include "server/rpc/arriving_request.h"
#include "server/rpc/poller.h"
#include "server/rpc/status.h"
#include "server/security/access.h"

namespace mdn {

/// Memory of a call's messages that needs no allocation.
constexpr size_t kFirstBlockBytes = 1024;

/// Fields that the contract does not know take many times their size on the wire: in requests
/// beyond this they are dropped.
constexpr size_t kNoticeableBytes = 4096;

/// An event that calls a member function of its owner.
template <class Owner>
class MemberEvent final : public CompletionEvent {
 public:
  using Method = void (Owner::*)(bool ok);
  MemberEvent(Owner* owner, Method method) : owner_(owner), method_(method) {}
  void Complete(bool ok) override { (owner_->*method_)(ok); }

 private:
  Owner* const owner_;
  const Method method_;
};

/// Admits calls up to a bound, until it is closed, and knows when the last one has ended.
/// Thread-safe; destroy it after the threads that complete events have ended.
class CallGate {
 public:
  /// At most `limit` calls at a time, holding at most `byte_limit` bytes together.
  CallGate(int64_t limit, int64_t byte_limit) : limit_(limit), byte_limit_(byte_limit) {}

  /// Whether a call that has arrived may be served: RESOURCE_EXHAUSTED beyond the bound,
  /// UNAVAILABLE once closed. Leave follows for admitted calls only.
  absl::Status Enter();
  /// An admitted call's messages take memory until it leaves. RESOURCE_EXHAUSTED: too much
  /// together.
  absl::Status Reserve(int64_t bytes);
  /// `bytes`: what the call has reserved.
  void Leave(int64_t bytes = 0);
  /// Of what an admitted call has reserved.
  void Return(int64_t bytes) { bytes_.fetch_sub(bytes, std::memory_order_relaxed); }

  /// From now on calls are refused.
  void Close();
  /// Returns when the admitted calls have ended and for `quiet` no call has come that had to be
  /// refused; or at `deadline`, or after callers have not stopped calling for ten times `quiet`.
  void AwaitQuiet(std::chrono::milliseconds quiet, SteadyTime deadline);

  /// Every call object counts here, from before it listens until it touches nothing any more.
  void Add() { objects_.fetch_add(1, std::memory_order_relaxed); }
  void Remove();
  void AwaitNone();

 private:
  const int64_t limit_;
  const int64_t byte_limit_;
  std::atomic<int64_t> in_flight_{0};
  std::atomic<int64_t> bytes_{0};
  std::atomic<int64_t> objects_{0};
  std::atomic<bool> closed_{false};
  /// Notified when no object is left, and when a closed gate's last call leaves.
  std::condition_variable changed_;
  std::mutex mutex_;
  /// Guarded by mutex_.
  SteadyTime last_refusal_;
};

/// The call's deadline; SteadyTime::max() where the caller set none.
SteadyTime Deadline(const grpc::ServerContext& context);

/// What the calls of one connection have in common while any of them lasts; to be compared only.
/// nullptr: not known.
const void* ConnectionOf(grpc::ServerContext& context);

/// A method's place among those of its service in the .proto.
int MethodIndex(const RpcMethod& method);

/// What a request that cannot be parsed is answered with.
absl::Status Malformed();

/// What became of a call whose caller has gone.
absl::Status GoneStatus(const grpc::ServerContext& context);

/// One call's entry in the metrics of its method. Confined to one thread at a time.
class CallRecord {
 public:
  /// `method` outlives the call.
  explicit CallRecord(MethodMetrics& method) : method_(method) {}

  void Arrived() {
    arrival_ = std::chrono::steady_clock::now();
    method_.Started();
  }
  /// Exactly once for each call that has arrived. Returns how long it took.
  std::chrono::nanoseconds Handled(const absl::Status& status) {
    const std::chrono::nanoseconds time = std::chrono::steady_clock::now() - arrival_;
    method_.Handled(status, time);
    return time;
  }

  MethodMetrics& method() const { return method_; }
  SteadyTime arrival() const { return arrival_; }

 private:
  MethodMetrics& method_;
  SteadyTime arrival_;
};

/// The metadata that says who calls; empty where there is none, or more than one.
absl::string_view Authorization(const grpc::ServerContext& context);

/// What the calls of one service on one queue share; it outlives them.
template <class Service>
struct CallEndpoint {
  Service& service;
  grpc::ServerCompletionQueue& queue;
  CallGate& gate;
  RpcMetrics& metrics;
  /// Null: whoever reaches the server may call.
  const Access* access = nullptr;
  Role role = Role::kCall;
  /// Null: calls have no lines.
  const AccessLog* access_log = nullptr;

  /// Whether a call that has arrived may be served; if so, gate.Leave follows. UNAUTHENTICATED,
  /// PERMISSION_DENIED, or what the gate says.
  absl::Status Admit(const grpc::ServerContext& context) const {
    if (access != nullptr && !access->is_open_to(role)) {
      if (absl::Status status = access->Check(Authorization(context), role); !status.ok()) {
        return status;
      }
    }
    return gate.Enter();
  }
  /// What Readmit compares with; taken before Admit.
  uint64_t access_revision() const { return access == nullptr ? 0 : access->revision(); }
  /// Whether the bearer of an admitted call may still make it, with the tokens of now.
  absl::Status Readmit(const grpc::ServerContext& context, uint64_t& revision) const {
    const uint64_t latest = access_revision();
    if (latest == revision) return absl::OkStatus();
    revision = latest;
    return access->Check(Authorization(context), role);
  }

  /// Counts a call's end and writes its line. Once for each that has arrived, before its answer is
  /// sent.
  void Record(CallRecord& record, const RpcMethod& method, grpc::ServerContext& context,
              const absl::Status& status) const {
    const std::chrono::nanoseconds time = record.Handled(status);
    if (access_log != nullptr && access_log->Wants(status.ok())) {
      access_log->Write(context, method.service, method.name, status.code(), time);
    }
  }
};

/// One unary call on a completion queue, from the wait for its arrival until its end. It owns
/// itself from Listen on. When it arrives it puts the next one in its place. `Rpc` names the
/// method:
///   static constexpr RpcMethod kMethod;
///   using Request, a protobuf message, and Response, a type that gRPC can serialise.
/// The service's async_service() is one of OneRequestMethods.
/// Events may come on several threads; Serve and Abandon may overlap.
template <class Rpc, class Service>
class UnaryCall {
 public:
  using Request = typename Rpc::Request;
  using Response = typename Rpc::Response;
  static constexpr RpcMethod kMethod = Rpc::kMethod;

  UnaryCall(CallEndpoint<Service>& endpoint, MethodMetrics& metrics)
      : endpoint_(endpoint), record_(metrics) {}
  virtual ~UnaryCall() = default;
  UnaryCall(const UnaryCall&) = delete;
  UnaryCall& operator=(const UnaryCall&) = delete;

  /// Waits for a call. From here on the object may be gone at any time.
  void Listen() {
    endpoint_.gate.Add();
    context_.AsyncNotifyWhenDone(&gone_);
    static const int method = MethodIndex(kMethod);
    endpoint_.service.async_service().RequestUnary(method, &context_, &request_, &writer_,
                                                   &endpoint_.queue, &arrived_);
  }

 protected:
  virtual void ListenForNext() = 0;
  /// Leads to exactly one Answer or Refuse, now or later, on this thread or another.
  virtual void Serve() = 0;
  /// The caller has gone before the answer was sent. Answer or Refuse is still called.
  virtual void Abandon(const absl::Status& /*why*/) {}

  const Request& request() const { return request_.message(); }
  grpc::ServerContext& context() { return context_; }
  CallEndpoint<Service>& endpoint() { return endpoint_; }
  MethodMetrics& metrics() { return record_.method(); }
  SteadyTime arrival() const { return record_.arrival(); }
  /// Memory until the call has ended.
  google::protobuf::Arena& arena() { return arena_; }

  /// Counts memory that the call holds until it ends. RESOURCE_EXHAUSTED: calls hold too much.
  absl::Status Reserve(size_t message_bytes) {
    const auto bytes = static_cast<int64_t>(message_bytes);
    absl::Status status = endpoint_.gate.Reserve(bytes);
    if (status.ok()) reserved_bytes_ += bytes;
    return status;
  }

  // One of these ends the call, which may be gone when they return.
  void Answer(const Response& response) {
    endpoint_.Record(record_, kMethod, context_, absl::OkStatus());
    writer_.Finish(response, grpc::Status::OK, &finished_);
  }
  void Refuse(const absl::Status& status) {
    endpoint_.Record(record_, kMethod, context_, status);
    arena_.Reset();  // A caller that does not read may let an error wait for long.
    writer_.FinishWithError(ToGrpcStatus(status, context_), &finished_);
  }

 private:
  void Arrived(bool ok) {
    if (!ok) {  // The server is shutting down.
      Delete();
      return;
    }
    record_.Arrived();
    ListenForNext();
    absl::Status status = endpoint_.Admit(context_);
    admitted_ = status.ok();
    if (status.ok()) status = ReserveRequest();
    if (status.ok()) {
      Serve();
    } else {
      Refuse(status);
    }
  }

  absl::Status ReserveRequest() {
    if (request_.malformed()) return Malformed();
    size_t bytes = request_.bytes();
    if (bytes > kNoticeableBytes) {
      request_.message().DiscardUnknownFields();
      bytes = request_.message().ByteSizeLong();
    }
    return Reserve(2 * bytes);  // Parsed, and as it was on the wire or decoded.
  }

  void Gone(bool /*ok*/) {
    if (context_.IsCancelled()) Abandon(GoneStatus(context_));
    Release();
  }

  void Finished(bool /*ok*/) { Release(); }

  void Release() {
    if (references_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    if (admitted_) endpoint_.gate.Leave(reserved_bytes_);
    Delete();
  }

  void Delete() {
    CallGate& gate = endpoint_.gate;
    delete this;
    gate.Remove();
  }

  CallEndpoint<Service>& endpoint_;
  MemberEvent<UnaryCall> arrived_{this, &UnaryCall::Arrived};
  MemberEvent<UnaryCall> gone_{this, &UnaryCall::Gone};
  MemberEvent<UnaryCall> finished_{this, &UnaryCall::Finished};
  /// The end has two events, in any order: the answer is sent, and the caller is done with.
  std::atomic<int> references_{2};
  bool admitted_ = false;
  int64_t reserved_bytes_ = 0;
  CallRecord record_;
  grpc::ServerContext context_;
  /// Requests of ordinary calls, down to the last array, stand in the call itself.
  alignas(8) char first_block_[kFirstBlockBytes];
  google::protobuf::Arena arena_{first_block_, kFirstBlockBytes};
  ArrivingRequest<Request> request_{*google::protobuf::Arena::CreateMessage<Request>(&arena_)};
  grpc::ServerAsyncResponseWriter<Response> writer_{&context_};
};

/// A call that is answered at once by `static absl::Status Rpc::Answer(Service&, const Request&,
/// Response&)`.
template <class Rpc, class Service>
class ImmediateCall final : public UnaryCall<Rpc, Service> {
 public:
  using UnaryCall<Rpc, Service>::UnaryCall;

 private:
  void ListenForNext() override {
    (new ImmediateCall(this->endpoint(), this->metrics()))->Listen();
  }
  void Serve() override {
    using Response = typename Rpc::Response;
    auto& response = *google::protobuf::Arena::CreateMessage<Response>(&this->arena());
    const absl::Status status = Rpc::Answer(this->endpoint().service, this->request(), response);
    if (status.ok()) {
      this->Answer(response);
    } else {
      this->Refuse(status);
    }
  }
};

/// Waits for `depth` calls of the method `Call::kMethod`.
template <class Call, class Service>
void ListenForCalls(CallEndpoint<Service>& endpoint, int depth) {
  MethodMetrics& metrics = endpoint.metrics.Of(Call::kMethod);
  for (int i = 0; i < depth; ++i) (new Call(endpoint, metrics))->Listen();
}

}  // namespace mdn

#endif  // MDN_SERVER_RPC_CALL_H_

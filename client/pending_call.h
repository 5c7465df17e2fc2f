#ifndef MDN_CLIENT_PENDING_CALL_H_
#define MDN_CLIENT_PENDING_CALL_H_

#include <grpcpp/client_context.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/support/async_unary_call.h>
#include <grpcpp/support/status.h>

#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "client/route.h"
#include "mdn/client.h"

namespace mdn::client_internal {

/// An asynchronous call from its first attempt to its callback: the tag of its own completions, of
/// which at most one is outstanding. Cancel may be called from any thread; the other functions are
/// confined to whoever starts the call, and then to the thread that takes its completions.
class PendingCall {
 public:
  virtual ~PendingCall() = default;

  void Begin(Route route, absl::Time deadline, grpc::CompletionQueue& completions);

  /// An attempt has ended. Starts the next one, or runs the callback and returns true.
  bool Proceed();

  void Cancel();

  /// Runs the callback, once.
  virtual void Deliver(const absl::Status& status) = 0;

 protected:
  /// Makes `this` the tag of the attempt's completion.
  virtual void Send(const ServerChannel& server, grpc::ClientContext* context,
                    grpc::CompletionQueue* completions, grpc::Status* status) = 0;

 private:
  void Attempt();
  bool HasAnotherAttempt();

  Route route_;
  const ServerChannel* server_ = nullptr;
  absl::Time deadline_;
  grpc::CompletionQueue* completions_ = nullptr;
  grpc::Status status_;

  // Guarded by mutex_.
  std::mutex mutex_;
  bool cancelled_ = false;
  /// One for each attempt. What an attempt has allocated lies in its context, so all of them stay.
  std::vector<std::unique_ptr<grpc::ClientContext>> contexts_;
};

template <typename Request, typename Response>
using PrepareMethod = std::unique_ptr<grpc::ClientAsyncResponseReader<Response>> (
    v1::MdnService::Stub::*)(grpc::ClientContext*, const Request&, grpc::CompletionQueue*);

template <typename Request, typename Response>
class UnaryCall final : public PendingCall {
 public:
  using Done = std::function<void(const absl::Status&, const Response&)>;

  UnaryCall(PrepareMethod<Request, Response> prepare, Request request, Done done)
      : prepare_(prepare), request_(std::move(request)), done_(std::move(done)) {}

  void Deliver(const absl::Status& status) override { done_(status, response_); }

 private:
  void Send(const ServerChannel& server, grpc::ClientContext* context,
            grpc::CompletionQueue* completions, grpc::Status* status) override {
    reader_ = ((*server.mdn).*prepare_)(context, request_, completions);
    reader_->StartCall();
    reader_->Finish(&response_, status, static_cast<PendingCall*>(this));
  }

  const PrepareMethod<Request, Response> prepare_;
  const Request request_;
  const Done done_;
  Response response_;
  std::unique_ptr<grpc::ClientAsyncResponseReader<Response>> reader_;
};

}  // namespace mdn::client_internal

#endif  // MDN_CLIENT_PENDING_CALL_H_

#ifndef MDN_CLIENT_TRANSPORT_H_
#define MDN_CLIENT_TRANSPORT_H_

#include <grpcpp/client_context.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/support/status.h>

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "client/route.h"
#include "client/stream_session.h"
#include "mdn/client.h"

namespace mdn::client_internal {

/// The servers, the asynchronous calls under way and the thread that completes them.
///
/// A call has one deadline, one route, and an attempt at each server of the route until one answers
/// anything but UNAVAILABLE. The retries at one server are gRPC's.
/// Where calls are coalesced they go over the session first.
///
/// Thread-safe.
class Transport {
 public:
  explicit Transport(const ClientOptions& options);

  /// Cancels what runs and waits for its callbacks.
  ~Transport();

  using Attempt = absl::FunctionRef<grpc::Status(const ServerChannel&, grpc::ClientContext*)>;

  /// Makes the attempts one after the other, on this thread.
  absl::Status Call(const CallOptions& options, Attempt attempt) const;

  /// Makes the first attempt. The others, and the callback, come on the completion thread; but a
  /// call that cannot start at all is called back at once.
  AsyncCall Start(const std::shared_ptr<PendingCall>& call, const CallOptions& options);

  static AsyncCall Handle(std::function<void()> cancel) { return AsyncCall(std::move(cancel)); }

  std::unique_ptr<StreamSession> OpenSession(const StreamOptions& options) const;
  /// Where calls are coalesced; else null.
  const std::shared_ptr<StreamSession>& session() const { return session_; }

  absl::Time Deadline(const CallOptions& options) const;

 private:
  absl::Status Register(const std::shared_ptr<PendingCall>& call);
  std::shared_ptr<PendingCall> Registered(void* tag);
  void Unregister(const std::shared_ptr<PendingCall>& call);
  void CompleteCalls();

  const absl::Duration timeout_;
  const int64_t max_response_bytes_;
  const std::shared_ptr<const ServerRotation> servers_;
  std::shared_ptr<StreamSession> session_;
  grpc::CompletionQueue completions_;

  // Guarded by mutex_.
  std::mutex mutex_;
  std::condition_variable all_done_;
  bool closing_ = false;
  absl::flat_hash_set<std::shared_ptr<PendingCall>> calls_;
  /// Runs from the first asynchronous call on.
  std::thread completer_;
};

}  // namespace mdn::client_internal

#endif  // MDN_CLIENT_TRANSPORT_H_

#ifndef MDN_SERVER_RPC_POLLER_H_
#define MDN_SERVER_RPC_POLLER_H_

#include <grpcpp/completion_queue.h>

#include <condition_variable>
#include <mutex>

#include "absl/functional/function_ref.h"

namespace mdn {

/// What a completion queue's tag points to.
class CompletionEvent {
 public:
  virtual void Complete(bool ok) = 0;

 protected:
  ~CompletionEvent() = default;
};

/// Completes the queue's events until it has been shut down and is empty. Waits for an event, goes
/// on with those that are there already, until `is_full` says that these are enough, and then calls
/// `end_burst`, for work that is better done for many events together.
void CompleteEvents(grpc::CompletionQueue& queue, absl::FunctionRef<bool()> is_full,
                    absl::FunctionRef<void()> end_burst);

/// Places for threads that poll, which are more than places so that one can take over from another
/// that has something long to do. Thread-safe.
class PollingPlaces {
 public:
  explicit PollingPlaces(int places) : free_(places) {}

  /// Returns when a place has become this thread's.
  void Enter();
  void Leave();

 private:
  std::mutex mutex_;
  std::condition_variable freed_;
  /// Guarded by mutex_.
  int free_;
};

}  // namespace mdn

#endif  // MDN_SERVER_RPC_POLLER_H_

#ifndef MDN_SERVER_RPC_POLLER_H_
#define MDN_SERVER_RPC_POLLER_H_

#include <grpcpp/completion_queue.h>

namespace mdn {

/// What a completion queue's tag points to.
class CompletionEvent {
 public:
  virtual void Complete(bool ok) = 0;

 protected:
  ~CompletionEvent() = default;
};

/// What is better done for many events together.
class Gathered {
 public:
  /// So much has been gathered that more would not help.
  virtual bool full() const = 0;
  /// So little that looking for more costs more than it can save.
  virtual bool small() const = 0;
  /// How many looks in a row have to find nothing more before what has been gathered is finished.
  virtual int looks() const = 0;
  /// Does what has been gathered, and tells whether that was anything.
  virtual bool Finish() = 0;
  /// There is nothing more to do: a chance to let more come together.
  virtual void Rest() = 0;

 protected:
  ~Gathered() = default;
};

/// Completes the queue's events until it has been shut down and is empty. Goes on with those that
/// are there already, and finishes what they have gathered when looks for more find none. An event
/// that had to be waited for came alone: if it has gathered little, that is finished before another
/// look.
void CompleteEvents(grpc::CompletionQueue& queue, Gathered& gathered);

}  // namespace mdn

#endif  // MDN_SERVER_RPC_POLLER_H_

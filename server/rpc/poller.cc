#include "server/rpc/poller.h"

#include <grpc/support/time.h>

namespace mdn {
namespace {

// Of the first one, some have waited a few milliseconds then.
constexpr int kMaxBurstEvents = 1024;

}  // namespace

void CompleteEvents(grpc::CompletionQueue& queue, Gathered& gathered) {
  using Queue = grpc::CompletionQueue;
  const gpr_timespec at_once = gpr_inf_past(GPR_CLOCK_MONOTONIC);
  void* tag = nullptr;
  bool ok = false;
  int events = 0;
  Queue::NextStatus next = Queue::TIMEOUT;
  while (true) {
    const bool waits = next == Queue::TIMEOUT;
    next = waits ? (queue.Next(&tag, &ok) ? Queue::GOT_EVENT : Queue::SHUTDOWN)
                 : queue.AsyncNext(&tag, &ok, at_once);
    if (next == Queue::SHUTDOWN) return;
    if (next == Queue::GOT_EVENT) static_cast<CompletionEvent*>(tag)->Complete(ok);
    ++events;
    const bool enough = gathered.full() || events >= kMaxBurstEvents || (waits && gathered.small());
    if (next == Queue::GOT_EVENT && !enough) continue;
    gathered.Finish();
    events = 0;
    if (next == Queue::TIMEOUT) gathered.Rest();
  }
}

}  // namespace mdn

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
  const gpr_timespec whenever = gpr_inf_future(GPR_CLOCK_MONOTONIC);
  void* tag = nullptr;
  bool ok = false;
  bool waits = true;
  int idle_looks = 0;
  for (int events = 0;; ++events) {
    const auto next = queue.AsyncNext(&tag, &ok, waits ? whenever : at_once);
    if (next == Queue::SHUTDOWN) return;
    idle_looks = next == Queue::TIMEOUT ? idle_looks + 1 : 0;
    if (next == Queue::TIMEOUT && idle_looks < gathered.looks()) continue;
    if (next == Queue::GOT_EVENT) {
      static_cast<CompletionEvent*>(tag)->Complete(ok);
      const bool enough = gathered.full() || (waits && gathered.small());
      waits = false;
      if (!enough && events < kMaxBurstEvents) continue;
    }
    events = idle_looks = 0;
    waits = !gathered.Finish() && next == Queue::TIMEOUT;
    if (waits) gathered.Rest();
  }
}

}  // namespace mdn

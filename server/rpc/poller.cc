#include "server/rpc/poller.h"

#include <grpc/support/time.h>

namespace mdn {
namespace {

// Of the first one, some have waited a few milliseconds then.
constexpr int kMaxBurstEvents = 1024;

}  // namespace

void CompleteEvents(grpc::CompletionQueue& queue, absl::FunctionRef<bool()> is_full,
                    absl::FunctionRef<void()> end_burst) {
  const gpr_timespec at_once = gpr_inf_past(GPR_CLOCK_MONOTONIC);
  void* tag = nullptr;
  bool ok = false;
  while (queue.Next(&tag, &ok)) {
    static_cast<CompletionEvent*>(tag)->Complete(ok);
    for (int events = 1; events < kMaxBurstEvents && !is_full(); ++events) {
      if (queue.AsyncNext(&tag, &ok, at_once) != grpc::CompletionQueue::GOT_EVENT) break;
      static_cast<CompletionEvent*>(tag)->Complete(ok);
    }
    end_burst();
  }
}

void PollingPlaces::Enter() {
  std::unique_lock<std::mutex> lock(mutex_);
  freed_.wait(lock, [this] { return free_ > 0; });
  --free_;
}

void PollingPlaces::Leave() {
  const std::lock_guard<std::mutex> lock(mutex_);
  ++free_;
  freed_.notify_one();
}

}  // namespace mdn

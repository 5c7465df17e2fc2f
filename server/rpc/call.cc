#include "server/rpc/call.h"

#include <grpc/support/time.h>

#include "absl/strings/str_cat.h"

namespace mdn {

absl::Status CallGate::Enter() {
  if (in_flight_.fetch_add(1, std::memory_order_acq_rel) < limit_) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      absl::StrCat("the server has ", limit_, " calls in flight, the most it takes"));
}

void CallGate::Leave() {
  if (in_flight_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  const std::lock_guard<std::mutex> lock(mutex_);
  empty_.notify_all();
}

void CallGate::AwaitEmpty() {
  std::unique_lock<std::mutex> lock(mutex_);
  empty_.wait(lock, [this] { return in_flight_.load(std::memory_order_acquire) == 0; });
}

SteadyTime Deadline(const grpc::ServerContext& context) {
  const gpr_timespec deadline = context.raw_deadline();
  const gpr_timespec remaining = deadline.clock_type == GPR_TIMESPAN
                                     ? deadline
                                     : gpr_time_sub(deadline, gpr_now(deadline.clock_type));
  // A year stands for "never": gRPC's infinite future does not survive arithmetic.
  constexpr int64_t kYearSeconds = 365 * 24 * 3600;
  if (remaining.tv_sec >= kYearSeconds) return SteadyTime::max();
  return std::chrono::steady_clock::now() + std::chrono::seconds(remaining.tv_sec) +
         std::chrono::nanoseconds(remaining.tv_nsec);
}

absl::Status GoneStatus(const grpc::ServerContext& context) {
  if (Deadline(context) <= std::chrono::steady_clock::now()) {
    return absl::DeadlineExceededError("the call's deadline has passed");
  }
  return absl::CancelledError("the call was cancelled");
}

}  // namespace mdn

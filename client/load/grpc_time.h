#ifndef MDN_CLIENT_LOAD_GRPC_TIME_H_
#define MDN_CLIENT_LOAD_GRPC_TIME_H_

#include <grpc/support/time.h>

#include <chrono>

namespace mdn::load {

/// On gRPC's monotonic clock, which is this one; the clock's first moment is past for ever.
inline gpr_timespec ToGrpcTime(std::chrono::steady_clock::time_point time) {
  if (time == std::chrono::steady_clock::time_point::min())
    return gpr_inf_past(GPR_CLOCK_MONOTONIC);
  const std::chrono::nanoseconds since_boot = time.time_since_epoch();
  gpr_timespec result = gpr_time_0(GPR_CLOCK_MONOTONIC);
  result.tv_sec = since_boot.count() / 1'000'000'000;
  result.tv_nsec = static_cast<int32_t>(since_boot.count() % 1'000'000'000);
  return result;
}

}  // namespace mdn::load

#endif  // MDN_CLIENT_LOAD_GRPC_TIME_H_

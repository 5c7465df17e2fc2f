#include "server/rpc/call.h"

#include <google/protobuf/descriptor.h>
#include <grpc/grpc_security.h>
#include <grpc/support/time.h>

#include <algorithm>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "server/observability/rejection.h"

namespace mdn {

absl::Status CallGate::Enter() {
  const int64_t before = in_flight_.fetch_add(1);
  if (closed_.load()) {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      last_refusal_ = std::chrono::steady_clock::now();
    }
    Leave();
    return Rejected(Rejection::kDraining, absl::UnavailableError("the server is draining"));
  }
  if (before < limit_) return absl::OkStatus();
  Leave();
  return Rejected(Rejection::kTooManyCalls,
                  absl::ResourceExhaustedError(absl::StrCat(
                      "the server has ", limit_, " calls in flight, the most it takes")));
}

absl::Status CallGate::Reserve(int64_t bytes) {
  if (bytes_.fetch_add(bytes, std::memory_order_relaxed) + bytes <= byte_limit_) {
    return absl::OkStatus();
  }
  bytes_.fetch_sub(bytes, std::memory_order_relaxed);
  return Rejected(Rejection::kTooMuchMemory,
                  absl::ResourceExhaustedError(absl::StrCat(
                      "the calls in flight hold too much memory for this one, which needs ", bytes,
                      " bytes of ", byte_limit_)));
}

void CallGate::Leave(int64_t bytes) {
  bytes_.fetch_sub(bytes, std::memory_order_relaxed);
  if (in_flight_.fetch_sub(1) != 1) return;
  if (!closed_.load()) return;
  const std::lock_guard<std::mutex> lock(mutex_);
  changed_.notify_all();
}

void CallGate::Close() {
  const std::lock_guard<std::mutex> lock(mutex_);
  last_refusal_ = std::chrono::steady_clock::now();
  closed_.store(true);
}

void CallGate::AwaitQuiet(std::chrono::milliseconds quiet, SteadyTime deadline) {
  std::unique_lock<std::mutex> lock(mutex_);
  changed_.wait_until(lock, deadline, [this] { return in_flight_ == 0; });
  const SteadyTime last_chance = std::min(deadline, std::chrono::steady_clock::now() + 10 * quiet);
  while (std::chrono::steady_clock::now() < std::min(last_refusal_ + quiet, last_chance)) {
    changed_.wait_until(lock, std::min(last_refusal_ + quiet, last_chance));
  }
}

void CallGate::Remove() {
  int64_t objects = objects_.load(std::memory_order_relaxed);
  while (objects > 1) {
    if (objects_.compare_exchange_weak(objects, objects - 1)) return;
  }
  // AwaitNone may let this gate go as soon as it sees that there is none.
  const std::lock_guard<std::mutex> lock(mutex_);
  objects_.fetch_sub(1);
  changed_.notify_all();
}

void CallGate::AwaitNone() {
  std::unique_lock<std::mutex> lock(mutex_);
  changed_.wait(lock, [this] { return objects_ == 0; });
}

SteadyTime Deadline(const grpc::ServerContext& context) {
  // gRPC's monotonic clock is the steady one. Its infinite future lies beyond a steady time's.
  const gpr_timespec deadline = gpr_convert_clock_type(context.raw_deadline(), GPR_CLOCK_MONOTONIC);
  constexpr auto kLatest =
      std::chrono::duration_cast<std::chrono::seconds>(SteadyTime::duration::max());
  if (deadline.tv_sec >= kLatest.count()) return SteadyTime::max();
  return SteadyTime(std::chrono::seconds(deadline.tv_sec) +
                    std::chrono::nanoseconds(deadline.tv_nsec));
}

const void* ConnectionOf(grpc::ServerContext& context) {
  // Made when the connection is, also where that is not secured, and held by its calls.
  grpc_auth_context* const connection = grpc_call_auth_context(context.c_call());
  grpc_auth_context_release(connection);
  return connection;
}

int MethodIndex(const RpcMethod& method) {
  const auto* const pool = google::protobuf::DescriptorPool::generated_pool();
  return pool->FindMethodByName(absl::StrCat(method.service, ".", method.name))->index();
}

absl::Status Malformed() { return absl::InvalidArgumentError("the request cannot be parsed"); }

absl::Status GoneStatus(const grpc::ServerContext& context) {
  if (Deadline(context) <= std::chrono::steady_clock::now()) {
    return Rejected(Rejection::kDeadlinePassed,
                    absl::DeadlineExceededError("the call's deadline has passed"));
  }
  return absl::CancelledError("the call was cancelled");
}

absl::string_view Authorization(const grpc::ServerContext& context) {
  const auto [first, last] = context.client_metadata().equal_range("authorization");
  if (first == last || std::next(first) != last) return "";
  return {first->second.data(), first->second.size()};
}

}  // namespace mdn

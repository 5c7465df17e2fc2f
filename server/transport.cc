#include "server/transport.h"

#include <grpc/compression.h>
#include <grpc/support/log.h>
#include <grpcpp/resource_quota.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "absl/strings/match.h"
#include "absl/synchronization/mutex.h"
#include "server/connections/listening_socket.h"

namespace mdn {
namespace {

constexpr int kMaxSynchronousThreads = 8;
/// Models as they are loaded, scrapes, logs, and what gRPC's threads wake each other with.
constexpr rlim_t kOtherOpenFiles = 256;

int Milliseconds(absl::Duration duration) {
  return static_cast<int>(duration / absl::Milliseconds(1));
}

void LogFromGrpc(gpr_log_func_args* args) {
  const auto level =
      args->severity == GPR_LOG_SEVERITY_ERROR ? spdlog::level::warn : spdlog::level::debug;
  spdlog::log(level, "grpc: {}", args->message);
}

}  // namespace

void SecureTransport(grpc::ServerBuilder& builder, const Limits& limits,
                     const ConnectionLimits& connections) {
  // The message limit is checked only after the whole message has been read.
  grpc::ResourceQuota quota("mdn_server");
  quota.Resize(static_cast<size_t>(MemoryQuota(limits)));
  // Reflection's, which is a synchronous service: a stream that is open takes a thread.
  quota.SetMaxThreads(kMaxSynchronousThreads);
  builder.SetResourceQuota(quota);
  // Its estimate of the bandwidth opens windows of megabytes, which 64 connections filled faster
  // than the quota could end them: 350 MiB instead of 100.
  builder.AddChannelArgument(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  builder.SetMaxReceiveMessageSize(static_cast<int>(limits.max_message_bytes));
  // Responses are bounded before they are computed.
  builder.SetMaxSendMessageSize(-1);
  // A compressed request would be inflated whole before its size is checked.
  builder.SetCompressionAlgorithmSupportStatus(GRPC_COMPRESS_GZIP, false);
  builder.SetCompressionAlgorithmSupportStatus(GRPC_COMPRESS_DEFLATE, false);
  builder.AddChannelArgument(GRPC_ARG_ENABLE_PER_MESSAGE_DECOMPRESSION, 0);
  // PeerGuard goes by its counts of streams and messages.
  builder.AddChannelArgument(GRPC_ARG_ENABLE_CHANNELZ, 1);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, 1024);
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, 8 << 10);
  builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, 5'000);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_IDLE_MS, 300'000);
  // A body that never ends is seen by nobody else.
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_MS, Milliseconds(connections.age));
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_GRACE_MS,
                             Milliseconds(connections.age_grace));
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 60'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 10'000);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PING_STRIKES, 2);
}

int64_t MemoryQuota(const Limits& limits) {
  return std::max(int64_t{64} << 20, 16 * limits.max_message_bytes);
}

void RouteGrpcLogs() { gpr_set_log_function(LogFromGrpc); }

void RaiseOpenFileLimit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0) {
    spdlog::warn("cannot raise the limit of open files: {}", std::strerror(errno));
  }
}

int ConnectionLimit(int wanted) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return wanted;
  const rlim_t others = std::min(kOtherOpenFiles, limit.rlim_cur / 2);
  return static_cast<int>(std::min<rlim_t>(wanted, limit.rlim_cur - others));
}

void StopDeadlockDetection() {
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
}

bool IsLocal(const std::string& address) {
  if (absl::StartsWith(address, "unix:")) return true;
  const std::string host = HostAndPort(address).first;
  return host == "localhost" || host == "::1" || absl::StartsWith(host, "127.");
}

}  // namespace mdn

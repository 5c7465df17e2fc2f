#include "client/route.h"

#include <grpcpp/support/channel_arguments.h>

#include <algorithm>
#include <array>

namespace mdn::client_internal {
namespace {

// RESOURCE_EXHAUSTED is what a full queue answers; gRPC then waits as long as the server's
// grpc-retry-pushback-ms says, or gives up where that is negative. An oversized request gets the
// same code, but is above the retry buffer and so is not sent again.
constexpr char kServiceConfig[] = R"json({
  "loadBalancingConfig": [{"round_robin": {}}],
  "methodConfig": [{
    "name": [{}],
    "retryPolicy": {
      "maxAttempts": 3,
      "initialBackoff": "0.05s",
      "maxBackoff": "1s",
      "backoffMultiplier": 2,
      "retryableStatusCodes": ["UNAVAILABLE", "RESOURCE_EXHAUSTED"]
    }
  }],
  "retryThrottling": {"maxTokens": 10, "tokenRatio": 0.1}
})json";

constexpr int kRetryBufferBytes = 4 << 20;

// Finds a connection that died in silence under a long call. MDN Server takes a ping every 10 s;
// without calls none are sent, since a server that is not told to expect them hangs up.
constexpr int kKeepaliveTimeMs = 20'000;
constexpr int kKeepaliveTimeoutMs = 10'000;

// How long a connection attempt may take, and how long a lost server is left alone.
constexpr int kConnectTimeoutMs = 3'000;
constexpr int kFirstReconnectMs = 200;
constexpr int kMaxReconnectMs = 10'000;

grpc::ChannelArguments ChannelArguments(int max_response_bytes) {
  grpc::ChannelArguments arguments;
  arguments.SetServiceConfigJSON(kServiceConfig);
  arguments.SetMaxReceiveMessageSize(max_response_bytes);
  arguments.SetInt(GRPC_ARG_PER_RPC_RETRY_BUFFER_SIZE, kRetryBufferBytes);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveTimeMs);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs);
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, kConnectTimeoutMs);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kFirstReconnectMs);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kMaxReconnectMs);
  return arguments;
}

ServerChannel Open(const std::string& target, const Credentials& credentials,
                   const grpc::ChannelArguments& arguments) {
  auto channel = credentials.OpenChannel(target, arguments);
  return {channel, v1::MdnService::NewStub(channel), grpc::health::v1::Health::NewStub(channel)};
}

/// Smaller is better. Asking also makes an idle channel connect.
int Rank(const ServerChannel& server) {
  switch (server.channel->GetState(/*try_to_connect=*/true)) {
    case GRPC_CHANNEL_READY:
      return 0;
    case GRPC_CHANNEL_IDLE:
    case GRPC_CHANNEL_CONNECTING:
      return 1;
    default:
      return 2;
  }
}

}  // namespace

absl::Time DeadlineAfter(absl::Duration timeout, absl::Time now) {
  constexpr absl::Duration kMaxTimeout = absl::Hours(1);
  return now + std::min(timeout, kMaxTimeout);
}

ServerRotation::ServerRotation(const std::vector<std::string>& targets,
                               const absl::StatusOr<Credentials>& credentials,
                               int max_response_bytes) {
  if (!credentials.ok()) {
    no_server_ = credentials.status();
    return;
  }
  const grpc::ChannelArguments arguments = ChannelArguments(max_response_bytes);
  servers_.reserve(targets.size());
  for (const std::string& target : targets)
    servers_.push_back(Open(target, *credentials, arguments));
}

Route ServerRotation::Next() const {
  Route route;
  if (servers_.size() == 1) return {&servers_.front()};
  const size_t first = turn_.fetch_add(1, std::memory_order_relaxed);
  std::array<Route, 3> by_rank;
  for (size_t i = 0; i < servers_.size(); ++i) {
    const ServerChannel& server = servers_[(first + i) % servers_.size()];
    by_rank[Rank(server)].push_back(&server);
  }
  for (const Route& servers : by_rank) route.insert(route.end(), servers.begin(), servers.end());
  if (route.size() > kMaxRouteLength) route.resize(kMaxRouteLength);
  return route;
}

}  // namespace mdn::client_internal

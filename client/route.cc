#include "client/route.h"

#include <grpcpp/support/channel_arguments.h>

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/str_cat.h"

namespace mdn::client_internal {
namespace {

// CANCELLED, where nobody has cancelled, is what gRPC makes of a call that reaches a server in the
// moment of its shutdown. The tokens are for the calls that a lost connection takes with it, all at
// once: as many as half of them are tried again, further ones at the rate of a try for ten answers.
// RESOURCE_EXHAUSTED is what a full queue answers; gRPC then waits as long as the server's
// grpc-retry-pushback-ms says, or gives up where that is negative. An oversized request gets the
// same code, but is above the retry buffer and so is not sent again.
constexpr char kRetries[] = R"json(
  "loadBalancingConfig": [{"round_robin": {}}],
  "methodConfig": [{
    "name": [{}],
    "retryPolicy": {
      "maxAttempts": 3,
      "initialBackoff": "0.05s",
      "maxBackoff": "1s",
      "backoffMultiplier": 2,
      "retryableStatusCodes": ["UNAVAILABLE", "RESOURCE_EXHAUSTED", "CANCELLED"]
    }
  }],
  "retryThrottling": {"maxTokens": 1000, "tokenRatio": 0.1})json";
constexpr char kHealth[] = R"json("healthCheckConfig": {"serviceName": ""})json";

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

ServerChannel OpenChannel(const std::string& target, const Credentials& credentials,
                          grpc::ChannelArguments arguments, const std::string& service_config) {
  arguments.SetServiceConfigJSON(service_config);
  auto channel = credentials.OpenChannel(target, arguments);
  return {channel, v1::MdnService::NewStub(channel), grpc::health::v1::Health::NewStub(channel)};
}

/// The two channels share their connections.
Server Open(const std::string& target, const Credentials& credentials,
            const grpc::ChannelArguments& arguments) {
  Server server{
      OpenChannel(target, credentials, arguments, absl::StrCat("{", kRetries, ",", kHealth, "}")),
      OpenChannel(target, credentials, arguments, absl::StrCat("{", kRetries, "}"))};
  server.heeding.health = grpc::health::v1::Health::NewStub(server.regardless.channel);
  return server;
}

constexpr int kFailed = 2;

/// 0: connected to an address that serves; kFailed: there is none. Smaller is better. Asking also
/// makes an idle channel connect.
int Rank(const Server& server) {
  switch (server.heeding.channel->GetState(/*try_to_connect=*/true)) {
    case GRPC_CHANNEL_READY:
      return 0;
    case GRPC_CHANNEL_IDLE:
    case GRPC_CHANNEL_CONNECTING:
      return 1;
    default:
      return kFailed;
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

const ServerChannel* Route::Next() {
  if (heeded_ != nullptr && Rank(*heeded_) > 0 && last_resort_ == nullptr) last_resort_ = heeded_;
  heeded_ = nullptr;
  if (next_ == servers_.size()) {
    const Server* const server = std::exchange(last_resort_, nullptr);
    return server == nullptr ? nullptr : &server->regardless;
  }
  // What has failed since the order was made comes after what has not.
  const auto rest = servers_.begin() + static_cast<ptrdiff_t>(next_);
  const auto best = std::find_if(rest, servers_.end(),
                                 [](const Server* server) { return Rank(*server) != kFailed; });
  if (best == servers_.end()) return &servers_[next_++]->regardless;
  std::rotate(rest, best, best + 1);
  heeded_ = servers_[next_++];
  return &heeded_->heeding;
}

Route ServerRotation::Next() const {
  using Servers = absl::InlinedVector<const Server*, kMaxRouteLength>;
  if (servers_.size() == 1) return Route({&servers_.front()});
  const size_t first = turn_.fetch_add(1, std::memory_order_relaxed);
  std::array<Servers, kFailed + 1> by_rank;
  for (size_t i = 0; i < servers_.size(); ++i) {
    const Server& server = servers_[(first + i) % servers_.size()];
    by_rank[Rank(server)].push_back(&server);
  }
  Servers route;
  for (const Servers& servers : by_rank) route.insert(route.end(), servers.begin(), servers.end());
  if (route.size() > kMaxRouteLength) route.resize(kMaxRouteLength);
  return Route(std::move(route));
}

}  // namespace mdn::client_internal

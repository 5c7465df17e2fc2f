#ifndef MDN_CLIENT_ROUTE_H_
#define MDN_CLIENT_ROUTE_H_

#include <grpcpp/channel.h>

#include <atomic>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/credentials.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "mdn/v1/mdn.grpc.pb.h"

namespace mdn::client_internal {

/// A channel, and what is called over it; `health` takes no heed of health. Thread-safe.
struct ServerChannel {
  std::shared_ptr<grpc::Channel> channel;
  std::unique_ptr<v1::MdnService::Stub> mdn;
  std::unique_ptr<grpc::health::v1::Health::Stub> health;
};

/// The ways to one entry of the list.
struct Server {
  /// Goes to those of its addresses only whose health says that they serve; so it leaves one that
  /// is about to drain before that refuses calls.
  ServerChannel heeding;
  /// For when none does: it may answer all the same, or say what is wrong.
  ServerChannel regardless;
};

constexpr size_t kMaxRouteLength = 3;

/// The servers that one call may go to, in the order in which they are tried, those at the end that
/// do not serve when it is their turn. Refers to the rotation that it comes from. Confined to one
/// thread at a time.
class Route {
 public:
  Route() = default;
  explicit Route(absl::InlinedVector<const Server*, kMaxRouteLength> servers)
      : servers_(std::move(servers)) {}

  bool empty() const { return servers_.empty(); }
  /// The first, or the one after that which was UNAVAILABLE. nullptr: none is left.
  const ServerChannel* Next();

 private:
  absl::InlinedVector<const Server*, kMaxRouteLength> servers_;
  size_t next_ = 0;
  /// Whose `heeding` was tried last.
  const Server* heeded_ = nullptr;
  /// The first that turned out not to serve.
  const Server* last_resort_ = nullptr;
};

/// `timeout` from now; an hour at most, so that nothing waits without a bound.
absl::Time DeadlineAfter(absl::Duration timeout, absl::Time now);

/// The servers that a client was given. A gRPC channel balances over the addresses of one target,
/// but takes a list of targets only as numbers; so there is a channel for each, and the turns over
/// them are taken here. Thread-safe.
class ServerRotation {
 public:
  /// Without credentials there are no servers.
  ServerRotation(const std::vector<std::string>& targets,
                 const absl::StatusOr<Credentials>& credentials, int max_response_bytes);

  /// Starts with the next server in turn that is connected; then come those that are not yet, and
  /// at last those that failed. Empty only where there are no servers.
  Route Next() const;

  /// Why there are none.
  const absl::Status& no_server() const { return no_server_; }

 private:
  absl::Status no_server_ = absl::InvalidArgumentError("the list of servers is empty");
  std::vector<Server> servers_;
  mutable std::atomic<size_t> turn_{0};
};

}  // namespace mdn::client_internal

#endif  // MDN_CLIENT_ROUTE_H_

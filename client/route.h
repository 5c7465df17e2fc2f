#ifndef MDN_CLIENT_ROUTE_H_
#define MDN_CLIENT_ROUTE_H_

#include <grpcpp/channel.h>

#include <atomic>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "client/credentials.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "mdn/v1/mdn.grpc.pb.h"

namespace mdn::client_internal {

/// One entry of the list of servers. Thread-safe.
struct ServerChannel {
  std::shared_ptr<grpc::Channel> channel;
  std::unique_ptr<v1::MdnService::Stub> mdn;
  std::unique_ptr<grpc::health::v1::Health::Stub> health;
};

/// The servers that one call may go to, in the order in which they are tried.
constexpr size_t kMaxRouteLength = 3;
using Route = absl::InlinedVector<const ServerChannel*, kMaxRouteLength>;

/// The servers that a client was given. A gRPC channel balances over the addresses of one target,
/// but takes a list of targets only as numbers; so there is a channel for each, and the turns over
/// them are taken here. Thread-safe.
class ServerRotation {
 public:
  ServerRotation(const std::vector<std::string>& targets, const Credentials& credentials,
                 int max_response_bytes);

  /// Starts with the next server in turn that is connected; then come those that are not yet, and
  /// at last those that failed. Empty only for an empty list.
  Route Next() const;

 private:
  std::vector<ServerChannel> servers_;
  mutable std::atomic<size_t> turn_{0};
};

}  // namespace mdn::client_internal

#endif  // MDN_CLIENT_ROUTE_H_

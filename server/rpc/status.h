#ifndef MDN_SERVER_RPC_STATUS_H_
#define MDN_SERVER_RPC_STATUS_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/status.h>

#include "absl/status/status.h"
#include "google/rpc/status.pb.h"

namespace mdn {

// The one place that maps our statuses to those of the wire: the same code, the message cut to 1024
// bytes. RESOURCE_EXHAUSTED, which here means that the server has too much to do, carries
// google.rpc.RetryInfo.

/// Not OK.
google::rpc::Status ToRpcStatus(const absl::Status& status);

/// With the trailer grpc-retry-pushback-ms, too, where there is a RetryInfo.
grpc::Status ToGrpcStatus(const absl::Status& status, grpc::ServerContext& context);

}  // namespace mdn

#endif  // MDN_SERVER_RPC_STATUS_H_

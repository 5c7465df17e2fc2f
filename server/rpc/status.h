#ifndef MDN_SERVER_RPC_STATUS_H_
#define MDN_SERVER_RPC_STATUS_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/status.h>

#include "absl/status/status.h"

namespace mdn {

/// The one place that maps our statuses to gRPC's: the same code, the message cut to 1024 bytes.
/// RESOURCE_EXHAUSTED, which here means that the server has too much to do, carries
/// google.rpc.RetryInfo and the trailer grpc-retry-pushback-ms.
grpc::Status ToGrpcStatus(const absl::Status& status, grpc::ServerContext& context);

}  // namespace mdn

#endif  // MDN_SERVER_RPC_STATUS_H_

#ifndef MDN_SERVER_TRANSPORT_H_
#define MDN_SERVER_TRANSPORT_H_

#include <grpcpp/server_builder.h>

#include <string>

#include "server/limits.h"

namespace mdn {

/// Makes the transport hold against hostile and broken peers, which gRPC 1.51 does not by default:
/// bounded memory, no decompression of requests, no second server on a port, and an end to
/// handshakes and bodies that never finish.
void SecureTransport(grpc::ServerBuilder& builder, const Limits& limits);

/// gRPC's own messages go to our log: errors as warnings, the rest for debugging.
void RouteGrpcLogs();

/// Raises the limit of open files to the most that is allowed; one connection takes one.
void RaiseOpenFileLimit();

/// Why an address cannot be listened on, as the system puts it; "unknown" where it would allow it.
std::string BindError(const std::string& address);

}  // namespace mdn

#endif  // MDN_SERVER_TRANSPORT_H_

#ifndef MDN_SERVER_TRANSPORT_H_
#define MDN_SERVER_TRANSPORT_H_

#include <grpcpp/server_builder.h>

#include <string>

#include "absl/status/status.h"
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

/// Debian's Abseil looks for deadlocks at every lock, of which gRPC takes many: 1.5 of 14 us that a
/// request costs the server. To be called before threads start.
void StopDeadlockDetection();

/// Only processes of this machine reach the address: it is a Unix socket, or on loopback.
bool IsLocal(const std::string& address);

/// UNAVAILABLE, with the system's reason, where the address (HOST:PORT or unix:PATH) cannot be
/// listened on: it is taken, or none of those that the name stands for is to be had.
absl::Status CheckBindable(const std::string& address);

}  // namespace mdn

#endif  // MDN_SERVER_TRANSPORT_H_

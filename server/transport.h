#ifndef MDN_SERVER_TRANSPORT_H_
#define MDN_SERVER_TRANSPORT_H_

#include <grpcpp/server_builder.h>

#include <cstdint>
#include <string>

#include "server/limits.h"

namespace mdn {

/// Makes the transport hold against hostile and broken peers, which gRPC 1.51 does not by default:
/// bounded memory, no decompression of requests, and an end to handshakes and bodies that never
/// finish.
void SecureTransport(grpc::ServerBuilder& builder, const Limits& limits,
                     const ConnectionLimits& connections);

/// Bytes that gRPC holds of all peers together, the messages that come included.
int64_t MemoryQuota(const Limits& limits);

/// gRPC's own messages go to our log: errors as warnings, the rest for debugging.
void RouteGrpcLogs();

/// Raises the limit of open files to the most that is allowed; one connection takes one.
void RaiseOpenFileLimit();

/// As many connections as are `wanted`, or fewer where the limit of open files leaves no room for
/// them and whatever else takes one.
int ConnectionLimit(int wanted);

/// Debian's Abseil looks for deadlocks at every lock, of which gRPC takes many: 1.5 of 14 us that a
/// request costs the server. To be called before threads start.
void StopDeadlockDetection();

/// Only processes of this machine reach the address: it is a Unix socket, or on loopback.
bool IsLocal(const std::string& address);

}  // namespace mdn

#endif  // MDN_SERVER_TRANSPORT_H_

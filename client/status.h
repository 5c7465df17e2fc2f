#ifndef MDN_CLIENT_STATUS_H_
#define MDN_CLIENT_STATUS_H_

#include <grpcpp/support/status.h>

#include "absl/status/status.h"

namespace mdn::client_internal {

/// The same code, by number, and the same message.
inline absl::Status ToAbslStatus(const grpc::Status& status) {
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
}

/// Another server may answer what this one did not: it could not be reached, drains, or was in the
/// moment of its shutdown, in which gRPC cancels. Of a call that its caller has not cancelled.
inline bool MayGoOn(const grpc::Status& status) {
  return status.error_code() == grpc::StatusCode::UNAVAILABLE ||
         status.error_code() == grpc::StatusCode::CANCELLED;
}

}  // namespace mdn::client_internal

#endif  // MDN_CLIENT_STATUS_H_

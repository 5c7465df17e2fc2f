#ifndef MDN_CLIENT_TOOL_ADDRESS_H_
#define MDN_CLIENT_TOOL_ADDRESS_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace mdn::tool {

/// INVALID_ARGUMENT unless it is one that --server takes: HOST:PORT or [IPV6]:PORT, which may
/// follow ipv4:, ipv6:, dns: or dns://AUTHORITY/, or unix:PATH or unix-abstract:NAME. Stricter than
/// gRPC, which finds out when it connects, and then only says that the server is unavailable.
absl::Status CheckAddress(absl::string_view address);

}  // namespace mdn::tool

#endif  // MDN_CLIENT_TOOL_ADDRESS_H_

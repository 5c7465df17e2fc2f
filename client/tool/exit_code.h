#ifndef MDN_CLIENT_TOOL_EXIT_CODE_H_
#define MDN_CLIENT_TOOL_EXIT_CODE_H_

#include "absl/status/status.h"

namespace mdn::tool {

// As in sysexits.h.
constexpr int kExitFailure = 1;
constexpr int kExitUsage = 64;
constexpr int kExitBadData = 65;
constexpr int kExitUnavailable = 69;

/// Data count as bad whether they were refused here, as no numbers, or by the server.
inline int ExitCode(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return 0;
    case absl::StatusCode::kInvalidArgument:
      return kExitBadData;
    case absl::StatusCode::kUnavailable:
      return kExitUnavailable;
    default:
      return kExitFailure;
  }
}

}  // namespace mdn::tool

#endif  // MDN_CLIENT_TOOL_EXIT_CODE_H_

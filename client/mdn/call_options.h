#ifndef MDN_CALL_OPTIONS_H_
#define MDN_CALL_OPTIONS_H_

#include <optional>

#include "absl/time/time.h"

namespace mdn {

struct CallOptions {
  /// Instead of the client's, or the stream's. At most an hour: more counts as an hour, so that no
  /// call waits without a bound.
  std::optional<absl::Duration> timeout;
};

}  // namespace mdn

#endif  // MDN_CALL_OPTIONS_H_

#ifndef MDN_SERVER_LIMITS_H_
#define MDN_SERVER_LIMITS_H_

#include <cstdint>

#include "absl/time/time.h"

namespace mdn {

/// What the server accepts. All positive; max_queue_rows >= max_request_rows.
struct Limits {
  /// Rows of x in one request.
  int64_t max_request_rows = 16384;
  /// Rows times samples, or rows times points of y, in one request.
  int64_t max_samples_per_request = 1'000'000;
  /// One message on the wire, either way. The default is what gRPC clients receive by default.
  int64_t max_message_bytes = int64_t{4} << 20;
  /// Rows evaluated together; large requests have fewer at a time where these would take long.
  int64_t max_batch_rows = 512;
  /// Rows waiting for a model's engine.
  int64_t max_queue_rows = 65536;
};

/// What the server bears of its peers' connections.
struct ConnectionLimits {
  /// Open at the same time; at least 1. Those beyond are closed at once.
  int count = 10'000;
  /// Then the peer is asked to make another connection; spread by a tenth, so that not all are
  /// made at once. At least a second.
  absl::Duration age = absl::Minutes(10);
  /// For the calls that are under way then; those that take longer are cancelled.
  absl::Duration age_grace = absl::Seconds(30);
};

}  // namespace mdn

#endif  // MDN_SERVER_LIMITS_H_

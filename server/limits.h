#ifndef MDN_SERVER_LIMITS_H_
#define MDN_SERVER_LIMITS_H_

#include <cstdint>

namespace mdn {

/// What the server accepts. All positive; max_queue_rows >= max_request_rows.
struct Limits {
  /// Rows of x in one request.
  int64_t max_request_rows = 16384;
  /// Rows times samples, or rows times points of y, in one request.
  int64_t max_samples_per_request = 1'000'000;
  /// One message on the wire, either way. The default is what gRPC clients receive by default.
  int64_t max_message_bytes = int64_t{4} << 20;
  /// Rows evaluated together.
  int64_t max_batch_rows = 512;
  /// Rows waiting for a model's engine.
  int64_t max_queue_rows = 65536;
};

}  // namespace mdn

#endif  // MDN_SERVER_LIMITS_H_

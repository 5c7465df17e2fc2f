#ifndef MDN_SERVER_RPC_STREAM_WINDOW_H_
#define MDN_SERVER_RPC_STREAM_WINDOW_H_

#include <algorithm>
#include <cstdint>

#include "server/limits.h"

namespace mdn {

/// How much of one stream may be under way: enough to keep the engine in full batches, little
/// enough that other callers have their turn and that a caller who does not read costs little.
/// Beyond it the stream's requests wait, in the end at the caller. Thread-compatible.
class StreamWindow {
 public:
  explicit StreamWindow(const Limits& limits)
      : max_rows_(std::min(4 * limits.max_batch_rows, (limits.max_queue_rows + 3) / 4)),
        max_bytes_(limits.max_message_bytes) {}

  /// Another request may begin. What it takes may go beyond the bounds, so that every request can
  /// be served: one request's worth.
  bool open() const { return rows_ < max_rows_ && bytes_ < max_bytes_; }

  /// Rows being evaluated, or waiting for it.
  void AddRows(int64_t rows) { rows_ += rows; }
  void RemoveRows(int64_t rows) { rows_ -= rows; }
  /// Requests and responses that have not been sent yet.
  void AddBytes(int64_t bytes) { bytes_ += bytes; }
  void RemoveBytes(int64_t bytes) { bytes_ -= bytes; }

  int64_t bytes() const { return bytes_; }

 private:
  const int64_t max_rows_;
  const int64_t max_bytes_;
  int64_t rows_ = 0;
  int64_t bytes_ = 0;
};

}  // namespace mdn

#endif  // MDN_SERVER_RPC_STREAM_WINDOW_H_

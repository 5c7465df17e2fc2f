#ifndef MDN_SERVER_RPC_STREAM_WIRE_H_
#define MDN_SERVER_RPC_STREAM_WIRE_H_

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/slice.h>

#include <cstddef>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "mdn/v1/mdn.pb.h"

// The outer messages of a stream, taken apart and put together one element at a time: a message of
// 4 MiB can hold two million empty requests, which take thirty times as much when they are parsed.

namespace mdn {

/// The elements of a StreamRequest, as bytes. Thread-compatible.
class StreamRequestReader {
 public:
  /// Of no requests.
  StreamRequestReader() = default;
  explicit StreamRequestReader(const grpc::ByteBuffer& message);

  /// Bytes of the message.
  size_t size() const { return slice_.size(); }
  bool AtEnd() const { return !next_.has_value(); }
  /// A StreamedRequest's bytes, which live as long as the message. Not at the end.
  absl::string_view Take();
  /// It ended where it could not be read on.
  bool malformed() const { return malformed_; }

 private:
  void FindNext();
  bool ReadField();

  grpc::Slice slice_;
  absl::string_view rest_;
  std::optional<absl::string_view> next_;
  bool malformed_ = false;
};

/// Adds an element to a StreamResponse.
void AppendResponse(const v1::StreamedResponse& response, std::string& message);

/// What AppendResponse adds at most to `response.ByteSizeLong()`.
constexpr size_t kElementOverheadBytes = 8;

}  // namespace mdn

#endif  // MDN_SERVER_RPC_STREAM_WIRE_H_

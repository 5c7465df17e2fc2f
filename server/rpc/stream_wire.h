#ifndef MDN_SERVER_RPC_STREAM_WIRE_H_
#define MDN_SERVER_RPC_STREAM_WIRE_H_

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/slice.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

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
  bool AtEnd() const { return !found_; }
  /// A StreamedRequest's bytes, which stay where they are until the reader is assigned to, or
  /// moved. Not at the end.
  absl::string_view Take();
  /// Nothing is left then; what was taken stays.
  void DropRest();
  /// It ended where it could not be read on.
  bool malformed() const { return malformed_; }

 private:
  void FindNext();
  bool ReadField();

  absl::string_view Bytes(size_t begin) const;

  // Small ones have their bytes within, which move with them.
  grpc::Slice slice_;
  /// Up to here it has been read.
  size_t position_ = 0;
  bool found_ = false;
  size_t next_begin_ = 0;
  size_t next_size_ = 0;
  bool malformed_ = false;
};

/// A StreamResponse in the making. Responses that are not small are sent from where they are.
/// Thread-compatible.
class StreamResponseWriter {
 public:
  /// A StreamedResponse. `response` is the content of the field.
  void Add(uint64_t id, int field, const grpc::Slice& response, bool more);

  /// What adding a response takes beside it, at most.
  static constexpr size_t kOverheadBytes = 40;
  bool empty() const { return bytes_ == 0; }
  size_t bytes() const { return bytes_; }
  /// The message; not to be added to after that.
  grpc::ByteBuffer Take();

 private:
  void Append(const void* data, size_t size);
  void EndPiece();

  size_t bytes_ = 0;
  std::vector<grpc::Slice> pieces_;
  /// Goes behind the pieces.
  std::string last_;
};

}  // namespace mdn

#endif  // MDN_SERVER_RPC_STREAM_WIRE_H_

#ifndef MDN_SERVER_RPC_WIRE_MESSAGE_H_
#define MDN_SERVER_RPC_WIRE_MESSAGE_H_

#include <grpcpp/impl/codegen/serialization_traits.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/slice.h>
#include <grpcpp/support/status.h>

#include <cstddef>
#include <cstdint>
#include <initializer_list>

#include "absl/container/inlined_vector.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "mdn/v1/mdn.pb.h"

namespace mdn {

/// The shape of a tensor that is written, and what that takes.
class TensorShape {
 public:
  /// The product has been checked.
  explicit TensorShape(absl::Span<const int64_t> leading,
                       std::initializer_list<int64_t> trailing = {});

  absl::Span<const int64_t> sizes() const { return sizes_; }
  int64_t numbers() const { return numbers_; }
  /// Of the sizes, as a packed field's content.
  size_t packed_bytes() const { return packed_bytes_; }
  /// Of the whole field.
  size_t field_bytes() const;

 private:
  absl::InlinedVector<int64_t, 6> sizes_;
  int64_t numbers_ = 1;
  size_t packed_bytes_ = 0;
};

/// A protobuf message as it goes over the wire, in memory that gRPC sends without a copy. Allocated
/// once, then written from front to back; numbers are filled in place, also later. The bytes are
/// those that protobuf writes, where the methods do not say otherwise. Field numbers are below 16.
/// Thread-compatible; different bytes may be filled on different threads.
class WireMessage {
 public:
  /// Memory for exactly `bytes`, in the place of what was there. Byte `aligned` of it is aligned
  /// for floats.
  void Allocate(size_t bytes, size_t aligned = 0);
  /// All that was allocated.
  const grpc::Slice& slice() const { return slice_; }
  size_t bytes() const { return slice_.size(); }
  /// Where the next field begins.
  size_t written() const { return written_; }

  /// The field is left out where the value is 0, as in proto3.
  void WriteVarint(int field, uint64_t value);
  void WriteSpec(int field, absl::string_view name, int64_t version);
  /// Returns the place of the tensor's numbers, 4 bytes each, in the host's order. `encoding` is
  /// VALUES or RAW.
  char* WriteTensor(int field, const TensorShape& shape, v1::TensorEncoding encoding);
  /// Returns the place of the field's `bytes`, above 0; for a packed field, say.
  char* WriteBytes(int field, size_t bytes);

 private:
  uint8_t* next() { return const_cast<uint8_t*>(slice_.begin()) + written_; }
  void Advance(const uint8_t* end) { written_ = end - slice_.begin(); }

  grpc::Slice slice_;
  size_t written_ = 0;
};

// How many bytes the fields take.
size_t VarintFieldBytes(uint64_t value);
size_t SpecFieldBytes(absl::string_view name, int64_t version);
size_t BytesFieldBytes(size_t bytes);

/// Writes `value`, which has at most 7 * width bits, as a varint of exactly `width` bytes: longer
/// than protobuf would where there are leading zeros, which every reader takes.
void WritePaddedVarint(uint32_t value, int width, char* to);
/// The width that values up to `largest` need.
int VarintWidth(uint32_t largest);

}  // namespace mdn

/// gRPC's way to take messages that are not protobuf's.
template <>
class grpc::SerializationTraits<mdn::WireMessage> {
 public:
  static grpc::Status Serialize(const mdn::WireMessage& message, grpc::ByteBuffer* buffer,
                                bool* own_buffer) {
    grpc::ByteBuffer written(&message.slice(), 1);
    buffer->Swap(&written);
    *own_buffer = true;
    return grpc::Status();
  }
};

#endif  // MDN_SERVER_RPC_WIRE_MESSAGE_H_

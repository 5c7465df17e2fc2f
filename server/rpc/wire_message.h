#ifndef MDN_SERVER_RPC_WIRE_MESSAGE_H_
#define MDN_SERVER_RPC_WIRE_MESSAGE_H_

#include <grpcpp/impl/codegen/serialization_traits.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/slice.h>
#include <grpcpp/support/status.h>

#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "mdn/v1/mdn.pb.h"

namespace mdn {

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
  /// VALUES or RAW; the product of `shape` has been checked.
  char* WriteTensor(int field, absl::Span<const int64_t> shape, v1::TensorEncoding encoding);
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
size_t TensorFieldBytes(absl::Span<const int64_t> shape);
size_t BytesFieldBytes(size_t bytes);

/// The numbers in a tensor of this shape, whose product has been checked.
int64_t NumberCount(absl::Span<const int64_t> shape);

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

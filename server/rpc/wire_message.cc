#include "server/rpc/wire_message.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

#include <algorithm>
#include <cassert>
#include <cstring>

namespace mdn {
namespace {

using google::protobuf::internal::WireFormatLite;
using Output = google::protobuf::io::CodedOutputStream;

size_t VarintBytes(uint64_t value) { return Output::VarintSize64(value); }

/// What a length-delimited field takes, nothing where it is empty.
size_t OptionalBytes(size_t bytes) { return bytes == 0 ? 0 : BytesFieldBytes(bytes); }

uint8_t* WriteTag(int field, WireFormatLite::WireType type, uint8_t* to) {
  return Output::WriteTagToArray(WireFormatLite::MakeTag(field, type), to);
}

uint8_t* WriteLength(int field, size_t bytes, uint8_t* to) {
  to = WriteTag(field, WireFormatLite::WIRETYPE_LENGTH_DELIMITED, to);
  return Output::WriteVarint64ToArray(bytes, to);
}

size_t SpecBytes(absl::string_view name, int64_t version) {
  return OptionalBytes(name.size()) + VarintFieldBytes(static_cast<uint64_t>(version));
}

size_t NumberBytes(const TensorShape& shape) { return sizeof(float) * shape.numbers(); }

/// What stands in a tensor's field.
size_t TensorBytes(const TensorShape& shape) {
  return OptionalBytes(shape.packed_bytes()) + OptionalBytes(NumberBytes(shape));
}

}  // namespace

size_t VarintFieldBytes(uint64_t value) { return value == 0 ? 0 : 1 + VarintBytes(value); }

size_t SpecFieldBytes(absl::string_view name, int64_t version) {
  return BytesFieldBytes(SpecBytes(name, version));
}

size_t BytesFieldBytes(size_t bytes) { return 1 + VarintBytes(bytes) + bytes; }

int VarintWidth(uint32_t largest) { return static_cast<int>(VarintBytes(largest)); }

void WritePaddedVarint(uint32_t value, int width, char* to) {
  for (int i = 0; i + 1 < width; ++i) {
    to[i] = static_cast<char>((value & 0x7F) | 0x80);
    value >>= 7;
  }
  to[width - 1] = static_cast<char>(value);
}

TensorShape::TensorShape(absl::Span<const int64_t> leading,
                         std::initializer_list<int64_t> trailing) {
  sizes_.resize(leading.size() + trailing.size());
  std::copy(trailing.begin(), trailing.end(),
            std::copy(leading.begin(), leading.end(), sizes_.begin()));
  // Without the zeros, the product may be anything.
  if (std::find(sizes_.begin(), sizes_.end(), 0) != sizes_.end()) numbers_ = 0;
  for (const int64_t size : sizes_) {
    if (numbers_ > 0) numbers_ *= size;
    packed_bytes_ += VarintBytes(static_cast<uint64_t>(size));
  }
}

size_t TensorShape::field_bytes() const { return BytesFieldBytes(TensorBytes(*this)); }

void WireMessage::Allocate(size_t bytes, size_t aligned) {
  constexpr size_t kAlignment = alignof(float);
  const size_t skipped = (kAlignment - aligned % kAlignment) % kAlignment;
  // Never within the slice itself, where it would move with the message.
  grpc_slice memory = grpc_slice_malloc_large(bytes + skipped);
  memory.data.refcounted.bytes += skipped;
  memory.data.refcounted.length -= skipped;
  slice_ = grpc::Slice(memory, grpc::Slice::STEAL_REF);
  written_ = 0;
}

void WireMessage::WriteVarint(int field, uint64_t value) {
  if (value == 0) return;
  uint8_t* const to = WriteTag(field, WireFormatLite::WIRETYPE_VARINT, next());
  Advance(Output::WriteVarint64ToArray(value, to));
}

void WireMessage::WriteSpec(int field, absl::string_view name, int64_t version) {
  Advance(WriteLength(field, SpecBytes(name, version), next()));
  if (!name.empty()) {
    std::memcpy(WriteBytes(v1::ModelSpec::kNameFieldNumber, name.size()), name.data(), name.size());
  }
  WriteVarint(v1::ModelSpec::kVersionFieldNumber, static_cast<uint64_t>(version));
}

char* WireMessage::WriteTensor(int field, const TensorShape& shape, v1::TensorEncoding encoding) {
  const size_t number_bytes = NumberBytes(shape);
  Advance(WriteLength(field, TensorBytes(shape), next()));
  if (shape.packed_bytes() > 0) {
    char* const packed = WriteBytes(v1::Tensor::kShapeFieldNumber, shape.packed_bytes());
    auto* to = reinterpret_cast<uint8_t*>(packed);
    for (const int64_t size : shape.sizes()) {
      to = Output::WriteVarint64ToArray(static_cast<uint64_t>(size), to);
    }
  }
  if (number_bytes == 0) return nullptr;
  return WriteBytes(encoding == v1::TENSOR_ENCODING_RAW ? v1::Tensor::kRawFieldNumber
                                                        : v1::Tensor::kValuesFieldNumber,
                    number_bytes);
}

char* WireMessage::WriteBytes(int field, size_t bytes) {
  uint8_t* const to = WriteLength(field, bytes, next());
  Advance(to + bytes);
  assert(written_ <= slice_.size());
  return reinterpret_cast<char*>(to);
}

}  // namespace mdn

#include "server/rpc/stream_wire.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

#include <utility>

#include "mdn/v1/mdn.pb.h"

namespace mdn {
namespace {

using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedInputStream;
using google::protobuf::io::CodedOutputStream;

// Both messages have one field.
static_assert(v1::StreamRequest::kRequestsFieldNumber == 1);
static_assert(v1::StreamResponse::kResponsesFieldNumber == 1);
constexpr uint32_t kElementTag = 1 << 3 | WireFormatLite::WIRETYPE_LENGTH_DELIMITED;

using Response = v1::StreamedResponse;

// To copy less takes less time than a piece of its own.
constexpr size_t kSmallBytes = 4096;

uint8_t* WriteLength(int field, size_t size, uint8_t* to) {
  to = WireFormatLite::WriteTagToArray(field, WireFormatLite::WIRETYPE_LENGTH_DELIMITED, to);
  return CodedOutputStream::WriteVarint64ToArray(size, to);
}

}  // namespace

StreamRequestReader::StreamRequestReader(const grpc::ByteBuffer& message) {
  // What came in one piece stays where it is.
  if (!message.TrySingleSlice(&slice_).ok() && !message.DumpToSingleSlice(&slice_).ok()) return;
  FindNext();
}

absl::string_view StreamRequestReader::Bytes(size_t begin) const {
  return {reinterpret_cast<const char*>(slice_.begin()) + begin, slice_.size() - begin};
}

absl::string_view StreamRequestReader::Take() {
  const absl::string_view taken = Bytes(next_begin_).substr(0, next_size_);
  FindNext();
  return taken;
}

void StreamRequestReader::DropRest() {
  position_ = slice_.size();
  found_ = false;
}

void StreamRequestReader::FindNext() {
  found_ = false;
  while (position_ < slice_.size() && !found_ && !malformed_) malformed_ = !ReadField();
}

// Fields that are unknown are passed over.
bool StreamRequestReader::ReadField() {
  const absl::string_view rest = Bytes(position_);
  CodedInputStream input(reinterpret_cast<const uint8_t*>(rest.data()),
                         static_cast<int>(rest.size()));
  const uint32_t tag = input.ReadTag();
  if (tag == kElementTag) {
    int size = 0;
    if (!input.ReadVarintSizeAsInt(&size)) return false;
    next_begin_ = position_ + input.CurrentPosition();
    next_size_ = size;
    position_ = next_begin_ + next_size_;
    found_ = position_ <= slice_.size();
    return found_;
  }
  if (tag == 0 || !WireFormatLite::SkipField(&input, tag)) return false;
  position_ += input.CurrentPosition();
  return true;
}

void StreamResponseWriter::Add(uint64_t id, int field, const grpc::Slice& response, bool more) {
  // The fields around the response, in the order of their numbers.
  uint8_t front[kOverheadBytes];
  uint8_t* end =
      id == 0 ? front : WireFormatLite::WriteUInt64ToArray(Response::kIdFieldNumber, id, front);
  end = WriteLength(field, response.size(), end);
  uint8_t back[kOverheadBytes];
  const uint8_t* const back_end =
      more ? WireFormatLite::WriteBoolToArray(Response::kMoreFieldNumber, more, back) : back;
  uint8_t head[kOverheadBytes];
  const size_t size = (end - front) + response.size() + (back_end - back);
  uint8_t* const head_end = WriteLength(v1::StreamResponse::kResponsesFieldNumber, size, head);

  Append(head, head_end - head);
  Append(front, end - front);
  if (response.size() < kSmallBytes) {
    Append(response.begin(), response.size());
  } else {
    EndPiece();
    pieces_.push_back(response);
    bytes_ += response.size();
  }
  Append(back, back_end - back);
}

void StreamResponseWriter::Append(const void* data, size_t size) {
  last_.append(static_cast<const char*>(data), size);
  bytes_ += size;
}

void StreamResponseWriter::EndPiece() {
  if (last_.empty()) return;
  auto* const owned = new std::string(std::exchange(last_, {}));
  pieces_.emplace_back(
      owned->data(), owned->size(), [](void* string) { delete static_cast<std::string*>(string); },
      owned);
}

grpc::ByteBuffer StreamResponseWriter::Take() {
  EndPiece();
  // The message holds them from here on, until it has been sent.
  const std::vector<grpc::Slice> pieces = std::exchange(pieces_, {});
  return {pieces.data(), pieces.size()};
}

}  // namespace mdn

#include "server/rpc/stream_wire.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

namespace mdn {
namespace {

using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedInputStream;
using google::protobuf::io::CodedOutputStream;

// Both messages have one field.
static_assert(v1::StreamRequest::kRequestsFieldNumber == 1);
static_assert(v1::StreamResponse::kResponsesFieldNumber == 1);
constexpr uint32_t kElementTag = 1 << 3 | WireFormatLite::WIRETYPE_LENGTH_DELIMITED;

}  // namespace

StreamRequestReader::StreamRequestReader(const grpc::ByteBuffer& message) {
  // What came in one piece stays where it is.
  if (!message.TrySingleSlice(&slice_).ok() && !message.DumpToSingleSlice(&slice_).ok()) return;
  rest_ = {reinterpret_cast<const char*>(slice_.begin()), slice_.size()};
  FindNext();
}

absl::string_view StreamRequestReader::Take() {
  const absl::string_view taken = *next_;
  FindNext();
  return taken;
}

void StreamRequestReader::FindNext() {
  next_.reset();
  while (!rest_.empty() && !next_.has_value() && !malformed_) malformed_ = !ReadField();
}

// Fields that are unknown are passed over.
bool StreamRequestReader::ReadField() {
  CodedInputStream input(reinterpret_cast<const uint8_t*>(rest_.data()),
                         static_cast<int>(rest_.size()));
  const uint32_t tag = input.ReadTag();
  if (tag == kElementTag) {
    int length = 0;
    if (!input.ReadVarintSizeAsInt(&length)) return false;
    rest_.remove_prefix(input.CurrentPosition());
    if (static_cast<size_t>(length) > rest_.size()) return false;
    next_ = rest_.substr(0, length);
    rest_.remove_prefix(length);
    return true;
  }
  if (tag == 0 || !WireFormatLite::SkipField(&input, tag)) return false;
  rest_.remove_prefix(input.CurrentPosition());
  return true;
}

void AppendResponse(const v1::StreamedResponse& response, std::string& message) {
  const size_t size = response.ByteSizeLong();
  const size_t begin = message.size();
  message.resize(begin + kElementOverheadBytes + size);
  auto* const start = reinterpret_cast<uint8_t*>(&message[begin]);
  uint8_t* end = CodedOutputStream::WriteTagToArray(kElementTag, start);
  end = CodedOutputStream::WriteVarint32ToArray(static_cast<uint32_t>(size), end);
  end = response.SerializeWithCachedSizesToArray(end);
  message.resize(begin + (end - start));
}

}  // namespace mdn

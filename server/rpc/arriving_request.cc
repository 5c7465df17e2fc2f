#include "server/rpc/arriving_request.h"

#include <grpcpp/support/proto_buffer_reader.h>
#include <grpcpp/support/slice.h>

namespace mdn {

void ArrivingMessage::Parse(grpc::ByteBuffer& bytes) {
  bytes_ = bytes.Length();
  grpc::Slice slice;
  if (bytes.TrySingleSlice(&slice).ok()) {
    malformed_ = !message_.ParseFromArray(slice.begin(), static_cast<int>(slice.size()));
  } else {
    grpc::ProtoBufferReader reader(&bytes);
    malformed_ = !reader.status().ok() || !message_.ParseFromZeroCopyStream(&reader);
  }
  bytes.Clear();
}

}  // namespace mdn

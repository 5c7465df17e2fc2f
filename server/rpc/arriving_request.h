#ifndef MDN_SERVER_RPC_ARRIVING_REQUEST_H_
#define MDN_SERVER_RPC_ARRIVING_REQUEST_H_

#include <google/protobuf/message_lite.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/impl/codegen/serialization_traits.h>
#include <grpcpp/impl/codegen/service_type.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/status.h>

#include <cstddef>

namespace mdn {

/// A request that is parsed here as it arrives. One that cannot be arrives as well, to be refused
/// and counted like any other: gRPC would refuse it by itself. Thread-compatible.
class ArrivingMessage {
 public:
  /// `message` outlives it.
  explicit ArrivingMessage(google::protobuf::MessageLite& message) : message_(message) {}

  void Parse(grpc::ByteBuffer& bytes);
  bool malformed() const { return malformed_; }
  /// What it took on the wire.
  size_t bytes() const { return bytes_; }

 private:
  google::protobuf::MessageLite& message_;
  size_t bytes_ = 0;
  bool malformed_ = false;
};

template <class Message>
class ArrivingRequest final : public ArrivingMessage {
 public:
  explicit ArrivingRequest(Message& message) : ArrivingMessage(message), message_(message) {}
  Message& message() const { return message_; }

 private:
  Message& message_;
};

/// A generated AsyncService any of whose unary methods can be waited for with messages of any types
/// that gRPC can read and write.
template <class Generated>
class UnaryMethods : public Generated {
 public:
  /// As a generated Request… does. `method` counts in the order of the .proto.
  template <class Request>
  void RequestUnary(int method, grpc::ServerContext* context, Request* request,
                    grpc::internal::ServerAsyncStreamingInterface* writer,
                    grpc::ServerCompletionQueue* queue, void* tag) {
    this->RequestAsyncUnary(method, context, request, writer, queue, queue, tag);
  }
};

}  // namespace mdn

/// gRPC's way to take messages that are not protobuf's.
template <class Message>
class grpc::SerializationTraits<mdn::ArrivingRequest<Message>> {
 public:
  static grpc::Status Deserialize(grpc::ByteBuffer* bytes, mdn::ArrivingRequest<Message>* request) {
    request->Parse(*bytes);
    return grpc::Status();
  }
};

#endif  // MDN_SERVER_RPC_ARRIVING_REQUEST_H_

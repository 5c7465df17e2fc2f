#ifndef MDN_TESTS_SUPPORT_CALL_BY_NAME_H_
#define MDN_TESTS_SUPPORT_CALL_BY_NAME_H_

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <chrono>
#include <memory>
#include <string>

namespace mdn {

/// How a unary call of "/SERVICE/METHOD" with the bytes of a message ends. `token`: sent where it
/// is not empty.
inline grpc::Status CallByName(const std::shared_ptr<grpc::Channel>& channel,
                               const std::string& method, const std::string& token = "",
                               const std::string& message = "") {
  grpc::CompletionQueue queue;
  grpc::GenericStub stub(channel);
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
  if (!token.empty()) context.AddMetadata("authorization", "Bearer " + token);
  const grpc::Slice bytes(message);
  auto call = stub.PrepareUnaryCall(&context, method, grpc::ByteBuffer(&bytes, 1), &queue);
  call->StartCall();
  grpc::ByteBuffer answer;
  grpc::Status status;
  call->Finish(&answer, &status, nullptr);
  void* tag = nullptr;
  bool ok = false;
  queue.Next(&tag, &ok);
  return status;
}

}  // namespace mdn

#endif  // MDN_TESTS_SUPPORT_CALL_BY_NAME_H_

#ifndef MDN_SERVER_RPC_UNKNOWN_CALL_H_
#define MDN_SERVER_RPC_UNKNOWN_CALL_H_

#include <grpcpp/generic/async_generic_service.h>

#include <atomic>

#include "server/rpc/call.h"

namespace mdn {

/// One call of a method that there is not, from the wait for it until its end: refused as any other
/// call would be, else as UNIMPLEMENTED. gRPC itself would answer it uncounted, and whoever has no
/// token. Nothing of what it sends is read. It owns itself from Listen on.
class UnknownCall final {
 public:
  /// One for all of them: their names are whatever callers like.
  static constexpr RpcMethod kMethod{"unknown", "unknown", "unknown"};

  UnknownCall(CallEndpoint<grpc::AsyncGenericService>& endpoint, MethodMetrics& metrics)
      : endpoint_(endpoint), record_(metrics) {}
  /// Waits for one; when it arrives another one waits in its place.
  void Listen();

 private:
  ~UnknownCall() = default;

  void Arrived(bool ok);
  absl::Status Judge();
  void Ended(bool ok);
  void Delete();

  CallEndpoint<grpc::AsyncGenericService>& endpoint_;
  MemberEvent<UnknownCall> arrived_{this, &UnknownCall::Arrived};
  MemberEvent<UnknownCall> gone_{this, &UnknownCall::Ended};
  MemberEvent<UnknownCall> finished_{this, &UnknownCall::Ended};
  /// The end has two events, in any order: the answer is sent, and the caller is done with.
  std::atomic<int> references_{2};
  bool admitted_ = false;
  CallRecord record_;
  grpc::GenericServerContext context_;
  grpc::GenericServerAsyncReaderWriter stream_{&context_};
};

}  // namespace mdn

#endif  // MDN_SERVER_RPC_UNKNOWN_CALL_H_

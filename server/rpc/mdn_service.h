#ifndef MDN_SERVER_RPC_MDN_SERVICE_H_
#define MDN_SERVER_RPC_MDN_SERVICE_H_

#include <grpcpp/grpcpp.h>

#include "mdn/v1/mdn.grpc.pb.h"
#include "server/limits.h"
#include "server/repository/model_repository.h"
#include "server/rpc/call.h"

namespace mdn {

/// mdn.v1.MdnService over completion queues. A call is decoded and checked on the thread that
/// polled it, and its rows join that thread's GatheredTasks. Thread-safe.
class MdnService {
 public:
  /// Models must be in `repository` before calls arrive; it must outlive the calls.
  MdnService(const ModelRepository& repository, const Limits& limits);

  grpc::Service& grpc_service() { return async_service_; }
  /// Waits for `depth` calls of every method; whenever one arrives another one waits in its place.
  /// After the server has started.
  static void Listen(CallEndpoint<MdnService>& endpoint, int depth);

  // What the calls use.
  v1::MdnService::AsyncService& async_service() { return async_service_; }
  const ModelRepository& repository() const { return repository_; }
  const Limits& limits() const { return limits_; }

 private:
  v1::MdnService::AsyncService async_service_;
  const ModelRepository& repository_;
  const Limits limits_;
};

}  // namespace mdn

#endif  // MDN_SERVER_RPC_MDN_SERVICE_H_

#ifndef MDN_SERVER_RPC_MDN_SERVICE_H_
#define MDN_SERVER_RPC_MDN_SERVICE_H_

#include <grpcpp/grpcpp.h>

#include <memory>

#include "absl/status/statusor.h"
#include "mdn/v1/mdn.grpc.pb.h"
#include "server/limits.h"
#include "server/repository/model_repository.h"
#include "server/rpc/arriving_request.h"
#include "server/rpc/call.h"
#include "server/rpc/open_streams.h"

namespace mdn {

/// A stream's messages are bytes: StreamCall takes them apart.
using AsyncMdnService =
    UnaryMethods<v1::MdnService::WithRawMethod_Stream<v1::MdnService::AsyncService>>;

/// mdn.v1.MdnService over completion queues. A call is decoded and checked on the thread that
/// polled it, and its rows join that thread's GatheredTasks. Thread-safe.
class MdnService {
 public:
  /// Models must be in `repository` before calls arrive; it must outlive the calls.
  MdnService(const ModelRepository& repository, const Limits& limits);

  grpc::Service& grpc_service() { return async_service_; }
  /// Waits for `depth` calls of every unary method that evaluates, and for one of the others;
  /// whenever one arrives another one waits in its place. After the server has started.
  static void Listen(CallEndpoint<MdnService>& endpoint, int depth);

  // What the calls use.
  AsyncMdnService& async_service() { return async_service_; }
  /// See ModelRepository::Find.
  absl::StatusOr<std::shared_ptr<ServedModel>> Find(const v1::ModelSpec& spec) const {
    return repository_.Find(spec.name(), spec.version(), spec.label());
  }
  OpenStreams& open_streams() { return open_streams_; }
  const ModelRepository& repository() const { return repository_; }
  const Limits& limits() const { return limits_; }

 private:
  AsyncMdnService async_service_;
  const ModelRepository& repository_;
  const Limits limits_;
  OpenStreams open_streams_;
};

}  // namespace mdn

#endif  // MDN_SERVER_RPC_MDN_SERVICE_H_

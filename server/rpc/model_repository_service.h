#ifndef MDN_SERVER_RPC_MODEL_REPOSITORY_SERVICE_H_
#define MDN_SERVER_RPC_MODEL_REPOSITORY_SERVICE_H_

#include <grpcpp/grpcpp.h>

#include "mdn/v1/model_repository.grpc.pb.h"
#include "server/repository/repository_keeper.h"
#include "server/rpc/call.h"

namespace mdn {

/// mdn.v1.ModelRepositoryService over completion queues. Thread-safe.
class ModelRepositoryService {
 public:
  /// `keeper` may be nullptr: there is no directory of models. Both outlive the calls.
  ModelRepositoryService(const ModelRepository& repository, RepositoryKeeper* keeper)
      : repository_(repository), keeper_(keeper) {}

  grpc::Service& grpc_service() { return async_service_; }
  /// See MdnService::Listen. Load and Unload, which not everybody may call, have an endpoint apart.
  static void Listen(CallEndpoint<ModelRepositoryService>& index,
                     CallEndpoint<ModelRepositoryService>& administration, int depth);

  // What the calls use.
  UnaryMethods<v1::ModelRepositoryService::AsyncService>& async_service() { return async_service_; }
  const ModelRepository& repository() const { return repository_; }
  RepositoryKeeper* keeper() const { return keeper_; }

 private:
  UnaryMethods<v1::ModelRepositoryService::AsyncService> async_service_;
  const ModelRepository& repository_;
  RepositoryKeeper* const keeper_;
};

}  // namespace mdn

#endif  // MDN_SERVER_RPC_MODEL_REPOSITORY_SERVICE_H_

#ifndef MDN_SERVER_RPC_MODEL_REPOSITORY_SERVICE_H_
#define MDN_SERVER_RPC_MODEL_REPOSITORY_SERVICE_H_

#include <grpcpp/grpcpp.h>

#include <functional>

#include "mdn/v1/model_repository.grpc.pb.h"
#include "server/repository/repository_keeper.h"
#include "server/rpc/call.h"

namespace mdn {

/// mdn.v1.ModelRepositoryService over completion queues. Thread-safe.
class ModelRepositoryService {
 public:
  /// Whether a caller may administer the server: OK, or what it is told instead.
  using MayAdminister = std::function<absl::Status(const grpc::ServerContext&)>;

  /// `keeper` may be nullptr: there is no directory of models. Both outlive the calls.
  ModelRepositoryService(const ModelRepository& repository, RepositoryKeeper* keeper,
                         MayAdminister may_administer);

  grpc::Service& grpc_service() { return async_service_; }
  /// See MdnService::Listen.
  static void Listen(CallEndpoint<ModelRepositoryService>& endpoint, int depth);

  // What the calls use.
  v1::ModelRepositoryService::AsyncService& async_service() { return async_service_; }
  const ModelRepository& repository() const { return repository_; }
  /// The keeper, for a caller who may use it.
  absl::StatusOr<RepositoryKeeper*> Administer(const grpc::ServerContext& context) const;

 private:
  v1::ModelRepositoryService::AsyncService async_service_;
  const ModelRepository& repository_;
  RepositoryKeeper* const keeper_;
  const MayAdminister may_administer_;
};

}  // namespace mdn

#endif  // MDN_SERVER_RPC_MODEL_REPOSITORY_SERVICE_H_

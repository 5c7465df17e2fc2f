#include "server/rpc/model_repository_service.h"

#include <utility>

#include "server/rpc/model_versions.h"

namespace mdn {
namespace {

constexpr absl::string_view kServiceName = "mdn.v1.ModelRepositoryService";

struct IndexRpc {
  static constexpr RpcMethod kMethod{kServiceName, "Index"};
  using Request = v1::IndexRequest;
  using Response = v1::IndexResponse;
  static absl::Status Answer(const ModelRepositoryService& service, const Request& /*request*/,
                             Response& response) {
    const auto models = service.repository().Snapshot();
    for (const VersionStatus& status : models->statuses) {
      SetModelVersion(*models, status, *response.add_models());
    }
    response.set_problem(models->problem);
    return absl::OkStatus();
  }
};

struct LoadRpc {
  static constexpr RpcMethod kMethod{kServiceName, "Load"};
  using Request = v1::LoadRequest;
  using Response = v1::LoadResponse;
  static void Begin(RepositoryKeeper& keeper, const Request& request, RepositoryKeeper::Done done) {
    keeper.Load(request.name(), std::move(done));
  }
  static void Fill(const ServedModels& models, const Request& request, Response& response) {
    for (const VersionStatus& status : models.statuses) {
      if (status.name == request.name()) SetModelVersion(models, status, *response.add_versions());
    }
  }
};

struct UnloadRpc {
  static constexpr RpcMethod kMethod{kServiceName, "Unload"};
  using Request = v1::UnloadRequest;
  using Response = v1::UnloadResponse;
  static void Begin(RepositoryKeeper& keeper, const Request& request, RepositoryKeeper::Done done) {
    keeper.Unload(request.name(), std::move(done));
  }
  static void Fill(const ServedModels& /*models*/, const Request& /*request*/,
                   Response& /*response*/) {}
};

/// A call that the keeper answers in its own time.
template <class Rpc>
class KeeperCall final : public UnaryCall<Rpc, ModelRepositoryService> {
 public:
  using UnaryCall<Rpc, ModelRepositoryService>::UnaryCall;

 private:
  void ListenForNext() override { (new KeeperCall(this->endpoint(), this->metrics()))->Listen(); }

  void Serve() override {
    RepositoryKeeper* const keeper = this->endpoint().service.keeper();
    if (keeper == nullptr) {
      this->Refuse(absl::FailedPreconditionError("the server has no model repository"));
      return;
    }
    Rpc::Begin(*keeper, this->request(), [this](const absl::Status& status) { End(status); });
  }

  void End(const absl::Status& status) {
    if (!status.ok()) {
      this->Refuse(status);
      return;
    }
    using Response = typename Rpc::Response;
    auto& response = *google::protobuf::Arena::CreateMessage<Response>(&this->arena());
    Rpc::Fill(*this->endpoint().service.repository().Snapshot(), this->request(), response);
    this->Answer(response);
  }
};

}  // namespace

void ModelRepositoryService::Listen(CallEndpoint<ModelRepositoryService>& index,
                                    CallEndpoint<ModelRepositoryService>& administration,
                                    int depth) {
  ListenForCalls<ImmediateCall<IndexRpc, ModelRepositoryService>>(index, depth);
  ListenForCalls<KeeperCall<LoadRpc>>(administration, depth);
  ListenForCalls<KeeperCall<UnloadRpc>>(administration, depth);
}

}  // namespace mdn

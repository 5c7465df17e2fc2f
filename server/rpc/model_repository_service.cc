#include "server/rpc/model_repository_service.h"

#include <utility>

#include "server/rpc/model_versions.h"

namespace mdn {
namespace {

template <class Response>
using Writer = grpc::ServerAsyncResponseWriter<Response>;
using Queue = grpc::ServerCompletionQueue;

struct IndexRpc {
  using Request = v1::IndexRequest;
  using Response = v1::IndexResponse;
  static void Listen(ModelRepositoryService& service, grpc::ServerContext* context,
                     Request* request, Writer<Response>* writer, Queue* queue, void* tag) {
    service.async_service().RequestIndex(context, request, writer, queue, queue, tag);
  }
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
  using Request = v1::LoadRequest;
  using Response = v1::LoadResponse;
  static void Listen(ModelRepositoryService& service, grpc::ServerContext* context,
                     Request* request, Writer<Response>* writer, Queue* queue, void* tag) {
    service.async_service().RequestLoad(context, request, writer, queue, queue, tag);
  }
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
  using Request = v1::UnloadRequest;
  using Response = v1::UnloadResponse;
  static void Listen(ModelRepositoryService& service, grpc::ServerContext* context,
                     Request* request, Writer<Response>* writer, Queue* queue, void* tag) {
    service.async_service().RequestUnload(context, request, writer, queue, queue, tag);
  }
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
  void ListenForNext() override { (new KeeperCall(this->endpoint()))->Listen(); }

  void Serve() override {
    const auto keeper = this->endpoint().service.Administer(this->context());
    if (!keeper.ok()) {
      this->Refuse(keeper.status());
      return;
    }
    Rpc::Begin(**keeper, this->request(), [this](const absl::Status& status) { End(status); });
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

ModelRepositoryService::ModelRepositoryService(const ModelRepository& repository,
                                               RepositoryKeeper* keeper,
                                               MayAdminister may_administer)
    : repository_(repository), keeper_(keeper), may_administer_(std::move(may_administer)) {}

absl::StatusOr<RepositoryKeeper*> ModelRepositoryService::Administer(
    const grpc::ServerContext& context) const {
  if (absl::Status status = may_administer_(context); !status.ok()) return status;
  if (keeper_ == nullptr) {
    return absl::FailedPreconditionError("the server has no model repository");
  }
  return keeper_;
}

void ModelRepositoryService::Listen(CallEndpoint<ModelRepositoryService>& endpoint, int depth) {
  for (int i = 0; i < depth; ++i) {
    (new ImmediateCall<IndexRpc, ModelRepositoryService>(endpoint))->Listen();
    (new KeeperCall<LoadRpc>(endpoint))->Listen();
    (new KeeperCall<UnloadRpc>(endpoint))->Listen();
  }
}

}  // namespace mdn

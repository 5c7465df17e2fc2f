#include "tests/integration/repository_server.h"

#include <chrono>
#include <utility>

#include "model/checkpoint/checkpoint_writer.h"
#include "tests/support/await.h"
#include "tests/support/connected_channel.h"
#include "tests/support/random_checkpoint.h"

namespace mdn {
namespace {

using grpc::health::v1::HealthCheckResponse;

v1::Tensor Rows() {
  v1::Tensor x;
  x.add_shape(3);
  x.add_shape(2);
  for (const float value : {-1.0f, 0.5f, 0.25f, 2.0f, 0.0f, 1.0f}) x.add_values(value);
  return x;
}

template <class Response>
Answers::Answer Finish(const grpc::Status& status, Response& response) {
  Answers::Answer answer{status, response.model().version(), ""};
  response.clear_model();
  answer.bytes = response.SerializeAsString();
  return answer;
}

void Bear(const std::string& token, grpc::ClientContext& context) {
  if (!token.empty()) context.AddMetadata("authorization", "Bearer " + token);
}

}  // namespace

std::string RepositoryOnDisk::Network(uint64_t seed, int64_t hidden_dim) {
  const Checkpoint checkpoint = RandomCheckpoint({2, 2, 3, hidden_dim}, NoiseType::kDiagonal, seed);
  return SafetensorsBytes(checkpoint.config, checkpoint.tensors);
}

void RepositoryOnDisk::Publish(
    const std::string& model, int64_t version, const std::string& checkpoint,
    const std::vector<std::pair<std::string, std::string>>& others) const {
  const std::string place = model + "/" + std::to_string(version);
  const std::string aside = model + "/." + std::to_string(version);
  directory_.Write(aside + "/model.safetensors", checkpoint);
  for (const auto& [file, bytes] : others) directory_.Write(aside + "/" + file, bytes);
  directory_.Rename(aside, place);
}

void RepositoryOnDisk::Remove(const std::string& model, int64_t version) const {
  const std::string aside = model + "/.removed";
  directory_.Rename(model + "/" + std::to_string(version), aside);
  directory_.Remove(aside);
}

Answers::Answers(v1::MdnService::Stub& stub) {
  for (int kind = 0; kind < kKinds; ++kind) bytes_.push_back(Ask(stub, kind).bytes);
}

Answers::Answer Answers::Ask(v1::MdnService::Stub& stub, int kind, const v1::ModelSpec& model) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
  if (kind == 0) {
    v1::PredictRequest request;
    v1::PredictResponse response;
    *request.mutable_model() = model;
    *request.mutable_x() = Rows();
    const grpc::Status status = stub.Predict(&context, request, &response);
    return Finish(status, response);
  }
  if (kind == 1) {
    v1::SampleRequest request;
    v1::SampleResponse response;
    *request.mutable_model() = model;
    *request.mutable_x() = Rows();
    request.set_num_samples(5);
    request.set_seed(7);
    const grpc::Status status = stub.Sample(&context, request, &response);
    return Finish(status, response);
  }
  v1::LogLikelihoodRequest request;
  v1::LogLikelihoodResponse response;
  *request.mutable_model() = model;
  *request.mutable_x() = Rows();
  *request.mutable_y() = Rows();
  const grpc::Status status = stub.LogLikelihood(&context, request, &response);
  return Finish(status, response);
}

RepositoryServer::RepositoryServer(const RepositoryOnDisk& repository,
                                   std::vector<std::string> flags)
    : process_("",
               [&] {
                 flags.push_back("--model_repository=" + repository.path());
                 return flags;
               }()),
      stub_(NewStub()),
      repository_(v1::ModelRepositoryService::NewStub(Channel())),
      health_(grpc::health::v1::Health::NewStub(Channel())) {}

std::shared_ptr<grpc::Channel> RepositoryServer::Channel() const {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  return ConnectedChannel(process_.address(), grpc::InsecureChannelCredentials(), arguments);
}

std::unique_ptr<v1::MdnService::Stub> RepositoryServer::NewStub() const {
  return v1::MdnService::NewStub(Channel());
}

int64_t RepositoryServer::VersionThatAnswers(const std::string& model) {
  v1::ModelSpec spec;
  spec.set_name(model);
  return Answers::Ask(*stub_, 0, spec).version;
}

bool RepositoryServer::AwaitVersion(int64_t version, const std::string& model) {
  return Await([&] { return VersionThatAnswers(model) == version; });
}

std::string RepositoryServer::AwaitState(const std::string& model, int64_t version,
                                         v1::ModelState state) {
  std::string reason = "never came to be so";
  Await([&] {
    const v1::IndexResponse index = Index();
    for (const v1::ModelVersion& entry : index.models()) {
      if (entry.model().name() != model || entry.model().version() != version) continue;
      if (entry.state() != state) return false;
      reason = entry.reason();
      return true;
    }
    return false;
  });
  return reason;
}

v1::IndexResponse RepositoryServer::Index() {
  grpc::ClientContext context;
  v1::IndexResponse response;
  repository_->Index(&context, {}, &response);
  return response;
}

grpc::Status RepositoryServer::Load(const std::string& model, const std::string& token) {
  grpc::ClientContext context;
  Bear(token, context);
  v1::LoadRequest request;
  request.set_name(model);
  v1::LoadResponse response;
  return repository_->Load(&context, request, &response);
}

grpc::Status RepositoryServer::Unload(const std::string& model, const std::string& token) {
  grpc::ClientContext context;
  Bear(token, context);
  v1::UnloadRequest request;
  request.set_name(model);
  v1::UnloadResponse response;
  return repository_->Unload(&context, request, &response);
}

HealthCheckResponse::ServingStatus RepositoryServer::Health(const std::string& service) {
  grpc::ClientContext context;
  grpc::health::v1::HealthCheckRequest request;
  request.set_service(service);
  HealthCheckResponse response;
  const grpc::Status status = health_->Check(&context, request, &response);
  return status.error_code() == grpc::StatusCode::NOT_FOUND ? HealthCheckResponse::SERVICE_UNKNOWN
                                                            : response.status();
}

bool RepositoryServer::AwaitHealth(const std::string& service,
                                   HealthCheckResponse::ServingStatus status) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
  grpc::health::v1::HealthCheckRequest request;
  request.set_service(service);
  const auto watch = health_->Watch(&context, request);
  HealthCheckResponse response;
  while (watch->Read(&response)) {
    if (response.status() != status) continue;
    context.TryCancel();
    return true;
  }
  return false;
}

}  // namespace mdn

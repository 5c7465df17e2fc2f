// A server as gRPC's and LibTorch's documentation would have one write it: the callback or the
// synchronous API, one evaluation of the network per request.

#include <grpcpp/grpcpp.h>

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "mdn/v1/mdn.grpc.pb.h"
#include "tests/benchmarks/serving_peers/torch_answers.h"

ABSL_FLAG(std::vector<std::string>, listen, {}, "Addresses, HOST:PORT or unix:PATH.");
ABSL_FLAG(std::string, model, "", "A TorchScript archive.");
ABSL_FLAG(std::string, api, "sync", "callback or sync.");

namespace mdn {
namespace {

class CallbackServer final : public v1::MdnService::CallbackService {
 public:
  explicit CallbackServer(const TorchAnswers& answers) : answers_(answers) {}

  grpc::ServerUnaryReactor* Predict(grpc::CallbackServerContext* context,
                                    const v1::PredictRequest* request,
                                    v1::PredictResponse* response) override {
    answers_.Predict(*request, *response);
    return Ok(context);
  }
  grpc::ServerUnaryReactor* Sample(grpc::CallbackServerContext* context,
                                   const v1::SampleRequest* request,
                                   v1::SampleResponse* response) override {
    answers_.Sample(*request, *response);
    return Ok(context);
  }
  grpc::ServerUnaryReactor* LogLikelihood(grpc::CallbackServerContext* context,
                                          const v1::LogLikelihoodRequest* request,
                                          v1::LogLikelihoodResponse* response) override {
    answers_.LogLikelihood(*request, *response);
    return Ok(context);
  }
  grpc::ServerUnaryReactor* GetModel(grpc::CallbackServerContext* context,
                                     const v1::GetModelRequest* /*request*/,
                                     v1::ModelInfo* response) override {
    answers_.GetModel(*response);
    return Ok(context);
  }

 private:
  static grpc::ServerUnaryReactor* Ok(grpc::CallbackServerContext* context) {
    auto* reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }

  const TorchAnswers& answers_;
};

class SynchronousServer final : public v1::MdnService::Service {
 public:
  explicit SynchronousServer(const TorchAnswers& answers) : answers_(answers) {}

  grpc::Status Predict(grpc::ServerContext* /*context*/, const v1::PredictRequest* request,
                       v1::PredictResponse* response) override {
    answers_.Predict(*request, *response);
    return grpc::Status::OK;
  }
  grpc::Status Sample(grpc::ServerContext* /*context*/, const v1::SampleRequest* request,
                      v1::SampleResponse* response) override {
    answers_.Sample(*request, *response);
    return grpc::Status::OK;
  }
  grpc::Status LogLikelihood(grpc::ServerContext* /*context*/,
                             const v1::LogLikelihoodRequest* request,
                             v1::LogLikelihoodResponse* response) override {
    answers_.LogLikelihood(*request, *response);
    return grpc::Status::OK;
  }
  grpc::Status GetModel(grpc::ServerContext* /*context*/, const v1::GetModelRequest* /*request*/,
                        v1::ModelInfo* response) override {
    answers_.GetModel(*response);
    return grpc::Status::OK;
  }

 private:
  const TorchAnswers& answers_;
};

int Serve() {
  const TorchAnswers answers(absl::GetFlag(FLAGS_model));
  CallbackServer callback_server(answers);
  SynchronousServer synchronous_server(answers);
  grpc::ServerBuilder builder;
  for (const std::string& address : absl::GetFlag(FLAGS_listen)) {
    builder.AddListeningPort(address, grpc::InsecureServerCredentials());
  }
  if (absl::GetFlag(FLAGS_api) == "callback") {
    builder.RegisterService(&callback_server);
  } else {
    builder.RegisterService(&synchronous_server);
  }
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr) return 1;
  for (const std::string& address : absl::GetFlag(FLAGS_listen)) {
    std::printf("listening on %s\n", address.c_str());
  }
  std::fflush(stdout);
  server->Wait();
  return 0;
}

}  // namespace
}  // namespace mdn

int main(int argc, char** argv) {
  absl::ParseCommandLine(argc, argv);
  return mdn::Serve();
}

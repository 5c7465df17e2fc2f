// The transport's limit: answers as large as the server's, on the server's own transport, without a
// model, a codec or a queue.

#include <grpcpp/grpcpp.h>

#include <cstdio>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "mdn/v1/mdn.grpc.pb.h"
#include "server/machine_limits.h"
#include "server/limits.h"
#include "server/rpc/call.h"
#include "server/rpc/poller.h"
#include "server/transport.h"
#include "tests/benchmarks/serving_peers/echo_answers.h"

ABSL_FLAG(std::vector<std::string>, listen, {}, "Addresses, HOST:PORT or unix:PATH.");
ABSL_FLAG(std::string, model_name, "echo", "What it calls its model.");
ABSL_FLAG(int64_t, dim_in, 1, "Features.");
ABSL_FLAG(int64_t, components, 3, "Components.");
ABSL_FLAG(int64_t, dims, 1, "Dimensions.");
ABSL_FLAG(int, queues, 1, "Completion queues.");
ABSL_FLAG(int, pollers, 0, "Threads on each queue. 0: as many as mdn_server has.");

namespace mdn {
namespace {

// As mdn_server's.
constexpr int kListeningCallsPerMethod = 16;
constexpr int64_t kMaxCalls = 1024;
constexpr int64_t kMaxBytes = int64_t{256} << 20;

using Queue = grpc::ServerCompletionQueue;

template <class Response>
using Writer = grpc::ServerAsyncResponseWriter<Response>;

/// Requests and responses are protobuf's messages, which gRPC parses and writes.
class EchoMethods {
 public:
  template <class Request, class Response>
  void RequestUnary(int /*method*/, grpc::ServerContext* context, ArrivingRequest<Request>* request,
                    Writer<Response>* writer, Queue* queue, void* tag) {
    Await(context, &request->message(), writer, queue, tag);
  }
  grpc::Service& grpc_service() { return service_; }

 private:
  void Await(grpc::ServerContext* context, v1::PredictRequest* request,
             Writer<v1::PredictResponse>* writer, Queue* queue, void* tag) {
    service_.RequestPredict(context, request, writer, queue, queue, tag);
  }
  void Await(grpc::ServerContext* context, v1::SampleRequest* request,
             Writer<v1::SampleResponse>* writer, Queue* queue, void* tag) {
    service_.RequestSample(context, request, writer, queue, queue, tag);
  }
  void Await(grpc::ServerContext* context, v1::LogLikelihoodRequest* request,
             Writer<v1::LogLikelihoodResponse>* writer, Queue* queue, void* tag) {
    service_.RequestLogLikelihood(context, request, writer, queue, queue, tag);
  }
  void Await(grpc::ServerContext* context, v1::GetModelRequest* request,
             Writer<v1::ModelInfo>* writer, Queue* queue, void* tag) {
    service_.RequestGetModel(context, request, writer, queue, queue, tag);
  }

  v1::MdnService::AsyncService service_;
};

class EchoService {
 public:
  explicit EchoService(EchoModel model) : model_(std::move(model)) {}
  EchoMethods& async_service() { return methods_; }
  const EchoModel& model() const { return model_; }

 private:
  const EchoModel model_;
  EchoMethods methods_;
};

template <class RequestType, class ResponseType>
struct EchoRpc {
  using Request = RequestType;
  using Response = ResponseType;
  static constexpr RpcMethod kMethod{"mdn.v1.MdnService", "Predict"};
  static absl::Status Answer(const EchoService& echo, const Request& request, Response& response) {
    Echo(echo.model(), request, response);
    return absl::OkStatus();
  }
};

template <class Rpc>
void ListenFor(CallEndpoint<EchoService>& endpoint) {
  ListenForCalls<ImmediateCall<Rpc, EchoService>>(endpoint, kListeningCallsPerMethod);
}

void Listen(CallEndpoint<EchoService>& endpoint) {
  ListenFor<EchoRpc<v1::PredictRequest, v1::PredictResponse>>(endpoint);
  ListenFor<EchoRpc<v1::SampleRequest, v1::SampleResponse>>(endpoint);
  ListenFor<EchoRpc<v1::LogLikelihoodRequest, v1::LogLikelihoodResponse>>(endpoint);
  ListenFor<EchoRpc<v1::GetModelRequest, v1::ModelInfo>>(endpoint);
}

/// Everything is answered where it arrives.
class NothingGathered final : public Gathered {
 public:
  bool full() const override { return false; }
  bool small() const override { return true; }
  int looks() const override { return 1; }
  bool Finish() override { return false; }
  void Rest() override {}
};

int Serve() {
  RaiseOpenFileLimit();
  StopDeadlockDetection();
  EchoService echo({absl::GetFlag(FLAGS_model_name), absl::GetFlag(FLAGS_dim_in),
                    absl::GetFlag(FLAGS_components), absl::GetFlag(FLAGS_dims)});
  grpc::ServerBuilder builder;
  SecureTransport(builder, Limits(), ConnectionLimits());
  for (const std::string& address : absl::GetFlag(FLAGS_listen)) {
    builder.AddListeningPort(address, grpc::InsecureServerCredentials());
  }
  builder.RegisterService(&echo.async_service().grpc_service());
  std::vector<std::unique_ptr<Queue>> queues;
  for (int i = 0; i < absl::GetFlag(FLAGS_queues); ++i) {
    queues.push_back(builder.AddCompletionQueue());
  }
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr) return 1;

  CallGate gate(kMaxCalls, kMaxBytes);
  RpcMetrics metrics;
  std::vector<std::unique_ptr<CallEndpoint<EchoService>>> endpoints;
  std::vector<std::thread> pollers;
  const int flag = absl::GetFlag(FLAGS_pollers);
  const int pollers_per_queue = flag > 0 ? flag : UsableCpus();
  for (const auto& queue : queues) {
    endpoints.emplace_back(new CallEndpoint<EchoService>{echo, *queue, gate, metrics});
    Listen(*endpoints.back());
    for (int i = 0; i < pollers_per_queue; ++i) {
      pollers.emplace_back([&queue] {
        NothingGathered nothing;
        CompleteEvents(*queue, nothing);
      });
    }
  }
  for (const std::string& address : absl::GetFlag(FLAGS_listen)) {
    std::printf("listening on %s\n", address.c_str());
  }
  std::fflush(stdout);
  for (std::thread& poller : pollers) poller.join();
  return 0;
}

}  // namespace
}  // namespace mdn

int main(int argc, char** argv) {
  absl::ParseCommandLine(argc, argv);
  return mdn::Serve();
}

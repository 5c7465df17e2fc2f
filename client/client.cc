#include "mdn/client.h"

#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "absl/time/clock.h"
#include "client/messages.h"
#include "client/pending_call.h"
#include "client/status.h"
#include "client/stream_requests.h"
#include "client/transport.h"

namespace mdn {
namespace client_internal {
namespace {

using Stub = v1::MdnService::Stub;

template <typename Message, typename Response>
using Method = grpc::Status (Stub::*)(grpc::ClientContext*, const Message&, Response*);

template <typename Message, typename Response>
absl::StatusOr<Response> Call(const Transport& transport, Method<Message, Response> method,
                              const Message& message, const CallOptions& options) {
  Response response;
  absl::Status status =
      transport.Call(options, [&](const ServerChannel& server, grpc::ClientContext* context) {
        return ((*server.mdn).*method)(context, message, &response);
      });
  if (!status.ok()) return status;
  return response;
}

template <typename Result, typename Request, typename Message, typename Response>
absl::StatusOr<Result> EvaluateAlone(const Transport& transport, Method<Message, Response> method,
                                     const Request& request, const CallOptions& options) {
  absl::StatusOr<Response> response = Call(transport, method, ToMessage(request), options);
  if (!response.ok()) return response.status();
  return ToResult(*response, Expect(request));
}

template <typename Result, typename Request, typename Message, typename Response>
absl::StatusOr<Result> Evaluate(const Transport& transport, Method<Message, Response> method,
                                const Request& request, const CallOptions& options) {
  const std::shared_ptr<StreamSession>& session = transport.session();
  if (session == nullptr) return EvaluateAlone<Result>(transport, method, request, options);
  const absl::Time deadline = transport.Deadline(options);
  absl::StatusOr<Result> result = SendStreamed<Result>(*session, request, options).get();
  if (!absl::IsUnavailable(result.status())) return result;
  return EvaluateAlone<Result>(transport, method, request, {deadline - absl::Now()});
}

template <typename Result, typename Message, typename Response>
AsyncCall StartAlone(Transport& transport, PrepareMethod<Message, Response> prepare,
                     Message message, ExpectedAnswer expected, const CallOptions& options,
                     Client::Callback<Result> done) {
  auto deliver = [expected = std::move(expected), done = std::move(done)](
                     const absl::Status& status, const Response& response) {
    done(status.ok() ? ToResult(response, expected) : status);
  };
  return transport.Start(std::make_shared<UnaryCall<Message, Response>>(prepare, std::move(message),
                                                                        std::move(deliver)),
                         options);
}

/// What can be cancelled of a call that may have to be made twice. Thread-safe.
class Cancellation {
 public:
  void Cancel() {
    const std::lock_guard lock(mutex_);
    cancelled_ = true;
    if (call_.has_value()) call_->Cancel();
  }
  void Set(AsyncCall call) {
    const std::lock_guard lock(mutex_);
    call_ = std::move(call);
    if (cancelled_) call_->Cancel();
  }

 private:
  std::mutex mutex_;
  bool cancelled_ = false;
  std::optional<AsyncCall> call_;
};

template <typename Result, typename Request, typename Message, typename Response>
AsyncCall StartCoalesced(Transport& transport, PrepareMethod<Message, Response> prepare,
                         const Request& request, const CallOptions& options,
                         Client::Callback<Result> done) {
  auto cancellation = std::make_shared<Cancellation>();
  auto finish = [&transport, prepare, message = ToMessage(request), expected = Expect(request),
                 deadline = transport.Deadline(options), done = std::move(done),
                 cancellation](absl::StatusOr<Result> result) {
    if (!absl::IsUnavailable(result.status())) return done(std::move(result));
    cancellation->Set(
        StartAlone<Result>(transport, prepare, message, expected, {deadline - absl::Now()}, done));
  };
  const std::shared_ptr<StreamSession>& session = transport.session();
  const uint64_t id = SendStreamed<Result>(*session, request, options, std::move(finish));
  return Transport::Handle([id, cancellation, weak = std::weak_ptr<StreamSession>(session)] {
    cancellation->Cancel();
    if (const auto running = weak.lock()) running->CancelRequest(id);
  });
}

template <typename Result, typename Request, typename Message, typename Response>
AsyncCall Start(Transport& transport, PrepareMethod<Message, Response> prepare,
                const Request& request, const CallOptions& options, Client::Callback<Result> done) {
  if (transport.session() != nullptr) {
    return StartCoalesced<Result>(transport, prepare, request, options, std::move(done));
  }
  return StartAlone<Result>(transport, prepare, ToMessage(request), Expect(request), options,
                            std::move(done));
}

template <typename Result, typename Request, typename Message, typename Response>
Client::Future<Result> Start(Transport& transport, PrepareMethod<Message, Response> prepare,
                             const Request& request, const CallOptions& options) {
  auto promise = std::make_shared<std::promise<absl::StatusOr<Result>>>();
  Client::Future<Result> future = promise->get_future();
  Start<Result>(transport, prepare, request, options,
                Client::Callback<Result>([promise](absl::StatusOr<Result> result) {
                  promise->set_value(std::move(result));
                }));
  return future;
}

}  // namespace
}  // namespace client_internal

using client_internal::Evaluate;
using client_internal::Start;
using client_internal::Stub;

void AsyncCall::Cancel() { cancel_(); }

Client::Client(const ClientOptions& options)
    : transport_(std::make_unique<client_internal::Transport>(options)) {}

Client::~Client() = default;

absl::StatusOr<Prediction> Client::Predict(const PredictRequest& request,
                                           const CallOptions& options) const {
  return Evaluate<Prediction>(*transport_, &Stub::Predict, request, options);
}

absl::StatusOr<Samples> Client::Sample(const SampleRequest& request,
                                       const CallOptions& options) const {
  return Evaluate<Samples>(*transport_, &Stub::Sample, request, options);
}

absl::StatusOr<LogLikelihoods> Client::LogLikelihood(const LogLikelihoodRequest& request,
                                                     const CallOptions& options) const {
  return Evaluate<LogLikelihoods>(*transport_, &Stub::LogLikelihood, request, options);
}

absl::StatusOr<ModelInfo> Client::GetModel(const ModelId& model, const CallOptions& options) const {
  v1::GetModelRequest message;
  *message.mutable_model() = client_internal::ToMessage(model);
  auto response = client_internal::Call(*transport_, &Stub::GetModel, message, options);
  if (!response.ok()) return response.status();
  return client_internal::ToResult(*response);
}

absl::StatusOr<std::vector<ModelVersion>> Client::ListModels(const CallOptions& options) const {
  auto response =
      client_internal::Call(*transport_, &Stub::ListModels, v1::ListModelsRequest(), options);
  if (!response.ok()) return response.status();
  return client_internal::ToResult(*response);
}

absl::StatusOr<ServingStatus> Client::Health(absl::string_view service,
                                             const CallOptions& options) const {
  grpc::health::v1::HealthCheckRequest message;
  message.set_service(std::string(service));
  grpc::health::v1::HealthCheckResponse response;
  absl::Status status = transport_->Call(
      options, [&](const client_internal::ServerChannel& server, grpc::ClientContext* context) {
        return server.health->Check(context, message, &response);
      });
  if (!status.ok()) return status;
  return client_internal::ToResult(response);
}

std::unique_ptr<Stream> Client::OpenStream(const StreamOptions& options) const {
  return std::make_unique<Stream>(transport_->OpenSession(options));
}

AsyncCall Client::PredictAsync(const PredictRequest& request, const CallOptions& options,
                               Callback<Prediction> done) const {
  return Start(*transport_, &Stub::PrepareAsyncPredict, request, options, std::move(done));
}

AsyncCall Client::SampleAsync(const SampleRequest& request, const CallOptions& options,
                              Callback<Samples> done) const {
  return Start(*transport_, &Stub::PrepareAsyncSample, request, options, std::move(done));
}

AsyncCall Client::LogLikelihoodAsync(const LogLikelihoodRequest& request,
                                     const CallOptions& options,
                                     Callback<LogLikelihoods> done) const {
  return Start(*transport_, &Stub::PrepareAsyncLogLikelihood, request, options, std::move(done));
}

Client::Future<Prediction> Client::PredictAsync(const PredictRequest& request,
                                                const CallOptions& options) const {
  return Start<Prediction>(*transport_, &Stub::PrepareAsyncPredict, request, options);
}

Client::Future<Samples> Client::SampleAsync(const SampleRequest& request,
                                            const CallOptions& options) const {
  return Start<Samples>(*transport_, &Stub::PrepareAsyncSample, request, options);
}

Client::Future<LogLikelihoods> Client::LogLikelihoodAsync(const LogLikelihoodRequest& request,
                                                          const CallOptions& options) const {
  return Start<LogLikelihoods>(*transport_, &Stub::PrepareAsyncLogLikelihood, request, options);
}

}  // namespace mdn

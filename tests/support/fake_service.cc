#include "tests/support/fake_service.h"

#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <condition_variable>
#include <functional>
#include <limits>
#include <mutex>
#include <numeric>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace mdn {
namespace {

using Shape = std::vector<int64_t>;

constexpr uint64_t kDefaultSeed = 42;

Shape WithoutLast(const v1::Tensor& tensor) {
  return Shape(tensor.shape().begin(), tensor.shape().end() - 1);
}

/// An empty tensor with the leading dimensions of x, and `trailing` after them.
v1::Tensor Shaped(const v1::Tensor& x, const Shape& trailing) {
  v1::Tensor tensor;
  const Shape leading = WithoutLast(x);
  tensor.mutable_shape()->Add(leading.begin(), leading.end());
  tensor.mutable_shape()->Add(trailing.begin(), trailing.end());
  return tensor;
}

/// One sum for each run of `width` values.
std::vector<float> Sums(const v1::Tensor& tensor, int64_t width) {
  std::vector<float> sums;
  for (auto row = tensor.values().begin(); row != tensor.values().end(); row += width) {
    sums.push_back(std::accumulate(row, row + width, 0.0f));
  }
  return sums;
}

v1::ModelSpec Name() {
  v1::ModelSpec model;
  model.set_name("fake");
  model.set_version(7);
  return model;
}

grpc::Status CheckX(const FakeModel& model, const v1::Tensor& x) {
  if (x.shape_size() > 0 && x.shape(x.shape_size() - 1) == model.dim_in) return {};
  return {grpc::StatusCode::INVALID_ARGUMENT,
          absl::StrCat("x has the shape [", absl::StrJoin(x.shape(), ", "), "], expected [*, ",
                       model.dim_in, "]")};
}

void AddScaleTril(float sigma, int64_t dims, v1::Tensor* scale_tril) {
  for (int64_t i = 0; i < dims * dims; ++i) {
    scale_tril->add_values(i % (dims + 1) == 0 ? sigma : 0.0f);
  }
}

void Evaluate(const FakeModel& model, const v1::PredictRequest& request,
              v1::PredictResponse* response) {
  const int64_t components = model.n_components;
  const int64_t dims = model.dim_out;
  *response->mutable_log_pi() = Shaped(request.x(), {components});
  *response->mutable_mu() = Shaped(request.x(), {components, dims});
  *response->mutable_sigma() = Shaped(request.x(), {components, dims});
  if (model.full_covariance) {
    *response->mutable_scale_tril() = Shaped(request.x(), {components, dims, dims});
  }
  for (const float sum : Sums(request.x(), model.dim_in)) {
    for (int64_t k = 0; k < components; ++k) {
      const float sigma = 0.5f * (k + 1);
      response->mutable_log_pi()->add_values(-std::log(static_cast<float>(components)));
      for (int64_t d = 0; d < dims; ++d) {
        response->mutable_mu()->add_values(sum + k + 10 * d);
        response->mutable_sigma()->add_values(sigma);
      }
      if (model.full_covariance) AddScaleTril(sigma, dims, response->mutable_scale_tril());
    }
  }
}

void Evaluate(const FakeModel& model, const v1::SampleRequest& request,
              v1::SampleResponse* response) {
  const int64_t count = request.num_samples() == 0 ? 1 : request.num_samples();
  response->set_seed(request.has_seed() ? request.seed() : kDefaultSeed);
  *response->mutable_samples() = Shaped(request.x(), {count, model.dim_out});
  for (const float sum : Sums(request.x(), model.dim_in)) {
    for (int64_t i = 0; i < count; ++i) {
      if (request.return_components()) response->add_components(i % model.n_components);
      for (int64_t d = 0; d < model.dim_out; ++d) {
        response->mutable_samples()->add_values(sum + i + 10 * d + response->seed());
      }
    }
  }
}

void Evaluate(const FakeModel& model, const v1::LogLikelihoodRequest& request,
              v1::LogLikelihoodResponse* response) {
  *response->mutable_log_likelihood() = Shaped(request.y(), {});
  const std::vector<float> x_sums = Sums(request.x(), model.dim_in);
  const std::vector<float> y_sums = Sums(request.y(), model.dim_out);
  for (size_t i = 0; i < y_sums.size(); ++i) {
    const float value = x_sums[i * x_sums.size() / y_sums.size()] - y_sums[i];
    response->mutable_log_likelihood()->add_values(
        value < -1000 ? -std::numeric_limits<float>::infinity() : value);
  }
}

/// A call that ends when its caller gives up.
class HeldCall final : public grpc::ServerUnaryReactor {
 public:
  explicit HeldCall(std::function<void()> on_cancel) : on_cancel_(std::move(on_cancel)) {}

  void OnCancel() override {
    on_cancel_();
    Finish(grpc::Status::CANCELLED);
  }
  void OnDone() override { delete this; }

 private:
  const std::function<void()> on_cancel_;
};

}  // namespace

/// What the services share. Thread-safe.
class FakeService::World {
 public:
  explicit World(const FakeModel& model) : model_(model) {}

  template <typename Response, typename Answerer>
  grpc::ServerUnaryReactor* Serve(grpc::CallbackServerContext* context, Response* response,
                                  Answerer answer) {
    const std::lock_guard lock(mutex_);
    ++calls_;
    last_deadline_ = context->deadline();
    const bool spared = spared_ > 0;
    if (spared) --spared_;
    if (holding_ && !spared) return Hold();
    auto* reactor = context->DefaultReactor();
    if (failures_ > 0 && !spared) {
      --failures_;
      if (pushback_ms_) {
        context->AddTrailingMetadata("grpc-retry-pushback-ms", std::to_string(*pushback_ms_));
      }
      reactor->Finish(failure_);
    } else {
      reactor->Finish(answer(response));
    }
    return reactor;
  }

  template <typename Request, typename Response>
  grpc::Status Evaluate(const Request& request, Response* response) {
    std::get<std::vector<Request>>(requests_).push_back(request);
    const auto& scripted = std::get<std::optional<Response>>(answers_);
    const grpc::Status status = CheckX(model_, request.x());
    if (scripted) {
      *response = *scripted;
    } else if (status.ok()) {
      *response->mutable_model() = Name();
      mdn::Evaluate(model_, request, response);
    }
    return scripted ? grpc::Status::OK : status;
  }

  grpc::Status Describe(const v1::ModelSpec& model, v1::ModelInfo* info) const;
  grpc::Status List(v1::ListModelsResponse* response) const;

  grpc::Status CheckHealth(grpc::health::v1::HealthCheckResponse* response) const {
    response->set_status(health_);
    return grpc::Status::OK;
  }

  template <typename Function>
  auto Locked(Function function) {
    const std::lock_guard lock(mutex_);
    return function(*this);
  }

  template <typename Response>
  void Answer(const Response& response) {
    const std::lock_guard lock(mutex_);
    std::get<std::optional<Response>>(answers_) = response;
  }

  template <typename Request>
  std::vector<Request> Requests() {
    const std::lock_guard lock(mutex_);
    return std::get<std::vector<Request>>(requests_);
  }

  void WaitUntil(const int World::*counter, int count) {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(
        changed_.wait_for(lock, std::chrono::seconds(30), [&] { return this->*counter >= count; }))
        << this->*counter << " of " << count << " calls";
  }

  const FakeModel model_;
  std::mutex mutex_;
  std::condition_variable changed_;
  int calls_ = 0;
  std::chrono::system_clock::time_point last_deadline_;
  int held_ = 0;
  int cancelled_ = 0;
  int failures_ = 0;
  int spared_ = 0;
  bool holding_ = false;
  grpc::Status failure_;
  std::optional<int> pushback_ms_;
  grpc::health::v1::HealthCheckResponse::ServingStatus health_ =
      grpc::health::v1::HealthCheckResponse::SERVING;
  std::tuple<std::vector<v1::PredictRequest>, std::vector<v1::SampleRequest>,
             std::vector<v1::LogLikelihoodRequest>>
      requests_;
  std::tuple<std::optional<v1::PredictResponse>, std::optional<v1::SampleResponse>,
             std::optional<v1::LogLikelihoodResponse>, std::optional<v1::ListModelsResponse>>
      answers_;

 private:
  grpc::ServerUnaryReactor* Hold() {
    ++held_;
    changed_.notify_all();
    return new HeldCall([this] {
      const std::lock_guard lock(mutex_);
      ++cancelled_;
      changed_.notify_all();
    });
  }
};

grpc::Status FakeService::World::Describe(const v1::ModelSpec& model, v1::ModelInfo* info) const {
  if (!model.name().empty() && model.name() != Name().name()) {
    return {grpc::StatusCode::NOT_FOUND, absl::StrCat("no model \"", model.name(), "\"")};
  }
  *info->mutable_model() = Name();
  info->set_dim_in(model_.dim_in);
  info->set_dim_out(model_.dim_out);
  info->set_n_components(model_.n_components);
  info->add_hidden_sizes(50);
  info->add_hidden_sizes(20);
  info->set_noise_type(model_.full_covariance ? v1::NOISE_TYPE_FULL : v1::NOISE_TYPE_FIXED);
  if (!model_.full_covariance) info->set_fixed_noise_level(0.5);
  info->set_standardized(true);
  info->set_format("pytorch");
  info->set_sha256("00ff");
  info->set_engine("fake");
  info->mutable_loaded_at()->set_seconds(1'700'000'000);
  info->mutable_limits()->set_max_request_rows(100);
  info->mutable_limits()->set_max_samples_per_request(200);
  info->mutable_limits()->set_max_message_bytes(300);
  info->mutable_limits()->set_max_batch_rows(400);
  info->mutable_limits()->set_max_queue_rows(500);
  info->set_source("a \"test\"");
  return grpc::Status::OK;
}

grpc::Status FakeService::World::List(v1::ListModelsResponse* response) const {
  const auto& scripted = std::get<std::optional<v1::ListModelsResponse>>(answers_);
  if (scripted) {
    *response = *scripted;
    return grpc::Status::OK;
  }
  v1::ModelVersion* ready = response->add_models();
  *ready->mutable_model() = Name();
  ready->set_state(v1::MODEL_STATE_READY);
  ready->set_is_default(true);
  ready->add_labels("stable");
  ready->add_labels("canary");
  v1::ModelVersion* failed = response->add_models();
  *failed->mutable_model() = Name();
  failed->mutable_model()->set_version(8);
  failed->set_state(v1::MODEL_STATE_FAILED);
  failed->set_reason("weights are not finite, \"mu\"");
  return grpc::Status::OK;
}

class FakeService::Mdn final : public v1::MdnService::CallbackService {
 public:
  explicit Mdn(World& world) : world_(world) {}

  grpc::ServerUnaryReactor* Predict(grpc::CallbackServerContext* context,
                                    const v1::PredictRequest* request,
                                    v1::PredictResponse* response) override {
    return Evaluate(context, request, response);
  }
  grpc::ServerUnaryReactor* Sample(grpc::CallbackServerContext* context,
                                   const v1::SampleRequest* request,
                                   v1::SampleResponse* response) override {
    return Evaluate(context, request, response);
  }
  grpc::ServerUnaryReactor* LogLikelihood(grpc::CallbackServerContext* context,
                                          const v1::LogLikelihoodRequest* request,
                                          v1::LogLikelihoodResponse* response) override {
    return Evaluate(context, request, response);
  }
  grpc::ServerUnaryReactor* GetModel(grpc::CallbackServerContext* context,
                                     const v1::GetModelRequest* request,
                                     v1::ModelInfo* response) override {
    return world_.Serve(context, response, [&](v1::ModelInfo* info) {
      return world_.Describe(request->model(), info);
    });
  }
  grpc::ServerUnaryReactor* ListModels(grpc::CallbackServerContext* context,
                                       const v1::ListModelsRequest*,
                                       v1::ListModelsResponse* response) override {
    return world_.Serve(context, response,
                        [&](v1::ListModelsResponse* list) { return world_.List(list); });
  }

 private:
  template <typename Request, typename Response>
  grpc::ServerUnaryReactor* Evaluate(grpc::CallbackServerContext* context, const Request* request,
                                     Response* response) {
    return world_.Serve(context, response,
                        [&](Response* answer) { return world_.Evaluate(*request, answer); });
  }

  World& world_;
};

/// A watch that tells one status and stays until its caller goes.
class HeldWatch final : public grpc::ServerWriteReactor<grpc::health::v1::HealthCheckResponse> {
 public:
  explicit HeldWatch(const grpc::health::v1::HealthCheckResponse& response) : response_(response) {
    StartWrite(&response_);
  }
  void OnCancel() override { Finish(grpc::Status::CANCELLED); }
  void OnDone() override { delete this; }

 private:
  const grpc::health::v1::HealthCheckResponse response_;
};

class FakeService::Health final : public grpc::health::v1::Health::CallbackService {
 public:
  explicit Health(World& world) : world_(world) {}

  grpc::ServerUnaryReactor* Check(grpc::CallbackServerContext* context,
                                  const grpc::health::v1::HealthCheckRequest* request,
                                  grpc::health::v1::HealthCheckResponse* response) override {
    return world_.Serve(context, response, [&](grpc::health::v1::HealthCheckResponse* answer) {
      if (request->service() == "unknown") {
        return grpc::Status(grpc::StatusCode::NOT_FOUND, "no service \"unknown\"");
      }
      return world_.CheckHealth(answer);
    });
  }

  grpc::ServerWriteReactor<grpc::health::v1::HealthCheckResponse>* Watch(
      grpc::CallbackServerContext* /*context*/,
      const grpc::health::v1::HealthCheckRequest* /*request*/) override {
    grpc::health::v1::HealthCheckResponse response;
    world_.Locked([&](World& world) { world.CheckHealth(&response); });
    return new HeldWatch(response);
  }

 private:
  World& world_;
};

FakeService::FakeService(const FakeModel& model, const std::string& listen)
    : world_(std::make_unique<World>(model)),
      mdn_(std::make_unique<Mdn>(*world_)),
      health_(std::make_unique<Health>(*world_)) {
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort(listen, grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(mdn_.get());
  builder.RegisterService(health_.get());
  builder.SetMaxReceiveMessageSize(-1);
  server_ = builder.BuildAndStart();
  address_ = listen.rfind("unix:", 0) == 0 ? listen : absl::StrCat("127.0.0.1:", port);
}

FakeService::~FakeService() { server_->Shutdown(std::chrono::system_clock::now()); }

const std::string& FakeService::address() const { return address_; }

void FakeService::FailNext(int count, const grpc::Status& status, std::optional<int> pushback_ms) {
  world_->Locked([&](World& world) {
    world.failures_ = count;
    world.failure_ = status;
    world.pushback_ms_ = pushback_ms;
  });
}

void FakeService::HoldCalls() {
  world_->Locked([](World& world) { world.holding_ = true; });
}

void FakeService::SpareNext(int count) {
  world_->Locked([count](World& world) { world.spared_ = count; });
}

void FakeService::WaitForHeld(int count) { world_->WaitUntil(&World::held_, count); }
void FakeService::WaitForCancelled(int count) { world_->WaitUntil(&World::cancelled_, count); }

void FakeService::Answer(const v1::PredictResponse& response) { world_->Answer(response); }
void FakeService::Answer(const v1::SampleResponse& response) { world_->Answer(response); }
void FakeService::Answer(const v1::LogLikelihoodResponse& response) { world_->Answer(response); }
void FakeService::Answer(const v1::ListModelsResponse& response) { world_->Answer(response); }

void FakeService::SetHealth(grpc::health::v1::HealthCheckResponse::ServingStatus status) {
  world_->Locked([&](World& world) { world.health_ = status; });
}

int FakeService::calls() const {
  return world_->Locked([](World& world) { return world.calls_; });
}

std::chrono::system_clock::time_point FakeService::last_deadline() const {
  return world_->Locked([](World& world) { return world.last_deadline_; });
}

std::vector<v1::PredictRequest> FakeService::predictions() const {
  return world_->Requests<v1::PredictRequest>();
}
std::vector<v1::SampleRequest> FakeService::samples() const {
  return world_->Requests<v1::SampleRequest>();
}
std::vector<v1::LogLikelihoodRequest> FakeService::log_likelihoods() const {
  return world_->Requests<v1::LogLikelihoodRequest>();
}

}  // namespace mdn

#include "server/rpc/mdn_service.h"

#include <optional>
#include <utility>

#include "absl/time/time.h"
#include "server/connections/gathered_writes.h"
#include "server/rpc/gathered_tasks.h"
#include "server/rpc/model_versions.h"
#include "server/rpc/operations.h"

namespace mdn {
namespace {

constexpr absl::string_view kServiceName = "mdn.v1.MdnService";

void SetSpec(const ModelDescription& model, v1::ModelSpec& spec) {
  spec.set_name(model.name);
  spec.set_version(model.version);
}

// The three methods that evaluate the network.

struct PredictRpc {
  using Request = v1::PredictRequest;
  using Operation = PredictOperation;
  static constexpr absl::string_view kName = "Predict";
};

struct SampleRpc {
  using Request = v1::SampleRequest;
  using Operation = SampleOperation;
  static constexpr absl::string_view kName = "Sample";
};

struct LogLikelihoodRpc {
  using Request = v1::LogLikelihoodRequest;
  using Operation = LogLikelihoodOperation;
  static constexpr absl::string_view kName = "LogLikelihood";
};

/// Their responses are written once, into what goes out.
template <class Method>
struct EvaluatingRpc {
  static constexpr RpcMethod kMethod{kServiceName, Method::kName};
  using Request = typename Method::Request;
  using Response = WireMessage;
};

/// A call whose rows become a task of its model's batcher.
template <class Method>
class EvaluatingCall final : public UnaryCall<EvaluatingRpc<Method>, MdnService> {
 public:
  using UnaryCall<EvaluatingRpc<Method>, MdnService>::UnaryCall;

 private:
  using Operation = typename Method::Operation;

  class RowsTask final : public Task {
   public:
    RowsTask(EvaluatingCall& call, Operation operation, SteadyTime deadline)
        : Task(operation.rows().x(), operation.rows().count(), deadline,
               ConnectionOf(call.context())),
          call_(call),
          operation_(std::move(operation)) {}
    void Consume(const Mixture& mixture, int64_t begin, int64_t first_row, int64_t rows) override {
      operation_.Consume(mixture, begin, first_row, rows);
    }
    void Done(absl::Status status) override {
      GatheredWrites::Announce(followed());
      call_.End(status);
    }

   private:
    EvaluatingCall& call_;
    Operation operation_;
  };

  void ListenForNext() override {
    (new EvaluatingCall(this->endpoint(), this->metrics()))->Listen();
  }

  void Serve() override {
    const absl::Status status = Prepare();
    if (!status.ok() || !task_.has_value()) {  // There is nothing to evaluate.
      End(status);
      return;
    }
    Phase expected = Phase::kPreparing;
    if (phase_.compare_exchange_strong(expected, Phase::kSubmitted)) {
      GatheredTasks::OfThisThread().Add(model_, *task_, this->arrival());
    } else {
      End(GoneStatus(this->context()));
    }
  }

  void End(const absl::Status& status) {
    if (status.ok()) {
      if (task_.has_value()) model_->CountAnswered(Operation::kPurpose, task_->rows());
      this->Answer(response_);
    } else {
      response_ = WireMessage();
      this->Refuse(status);
    }
  }

  absl::Status Prepare() {
    const MdnService& service = this->endpoint().service;
    auto model = service.Find(this->request().model());
    if (!model.ok()) return model.status();
    model_ = *std::move(model);
    auto operation =
        Operation::Create(this->request(), ShapeOf(*model_), service.limits(), response_);
    if (!operation.ok()) return operation.status();
    if (absl::Status status = this->Reserve(response_.bytes()); !status.ok()) return status;
    if (!operation->empty()) {
      task_.emplace(*this, *std::move(operation), Deadline(this->context()));
    }
    return absl::OkStatus();
  }

  void Abandon(const absl::Status& why) override {
    Phase expected = Phase::kPreparing;
    if (!phase_.compare_exchange_strong(expected, Phase::kAbandoned)) {
      model_->batcher().Cancel(*task_, why);
    }
  }

  enum class Phase { kPreparing, kSubmitted, kAbandoned };

  /// Set before the phase leaves kPreparing for kSubmitted, then constant.
  std::shared_ptr<ServedModel> model_;
  WireMessage response_;
  std::optional<RowsTask> task_;
  std::atomic<Phase> phase_{Phase::kPreparing};
};

// The methods that answer from what is known.

v1::IsotropicLayout Layout(const ModelConfig& config) {
  if (config.noise_type != NoiseType::kIsotropic) return v1::ISOTROPIC_LAYOUT_UNSPECIFIED;
  return static_cast<v1::IsotropicLayout>(config.isotropic_layout);
}

void SetLimits(const Limits& limits, v1::Limits& message) {
  message.set_max_request_rows(limits.max_request_rows);
  message.set_max_samples_per_request(limits.max_samples_per_request);
  message.set_max_message_bytes(limits.max_message_bytes);
  message.set_max_batch_rows(limits.max_batch_rows);
  message.set_max_queue_rows(limits.max_queue_rows);
}

void SetInfo(const ServedModel& model, const Limits& limits, v1::ModelInfo& info) {
  const ModelDescription& description = model.description();
  const ModelConfig& config = description.config;
  SetSpec(description, *info.mutable_model());
  info.set_dim_in(config.dim_in);
  info.set_dim_out(config.dim_out);
  info.set_n_components(config.n_components);
  if (config.hidden_dim > 0) {
    info.add_hidden_sizes(config.hidden_dim);
    info.add_hidden_sizes(config.hidden_dim);
  }
  info.set_noise_type(static_cast<v1::NoiseType>(config.noise_type));
  if (config.noise_type == NoiseType::kFixed) {
    info.set_fixed_noise_level(config.fixed_noise_level);
  }
  info.set_isotropic_layout(Layout(config));
  info.set_standardized(!config.x_scale.empty() || !config.y_scale.empty());
  info.set_format(std::string(CheckpointFormatName(description.format)));
  info.set_sha256(description.sha256);
  info.set_engine(std::string(model.engine().name()));
  const timespec loaded = absl::ToTimespec(description.loaded_at);
  info.mutable_loaded_at()->set_seconds(loaded.tv_sec);
  info.mutable_loaded_at()->set_nanos(static_cast<int32_t>(loaded.tv_nsec));
  SetLimits(limits, *info.mutable_limits());
  info.set_source(config.source);
}

struct GetModelRpc {
  static constexpr RpcMethod kMethod{kServiceName, "GetModel"};
  using Request = v1::GetModelRequest;
  using Response = v1::ModelInfo;
  static absl::Status Answer(const MdnService& service, const Request& request,
                             Response& response) {
    const auto model = service.Find(request.model());
    if (!model.ok()) return model.status();
    SetInfo(**model, service.limits(), response);
    return absl::OkStatus();
  }
};

struct ListModelsRpc {
  static constexpr RpcMethod kMethod{kServiceName, "ListModels"};
  using Request = v1::ListModelsRequest;
  using Response = v1::ListModelsResponse;
  static absl::Status Answer(const MdnService& service, const Request& /*request*/,
                             Response& response) {
    const auto models = service.repository().Snapshot();
    for (const VersionStatus& status : models->statuses) {
      SetModelVersion(*models, status, *response.add_models());
    }
    return absl::OkStatus();
  }
};

}  // namespace

MdnService::MdnService(const ModelRepository& repository, const Limits& limits)
    : repository_(repository), limits_(limits) {}

void MdnService::Listen(CallEndpoint<MdnService>& endpoint, int depth) {
  ListenForCalls<EvaluatingCall<PredictRpc>>(endpoint, depth);
  ListenForCalls<EvaluatingCall<SampleRpc>>(endpoint, depth);
  ListenForCalls<EvaluatingCall<LogLikelihoodRpc>>(endpoint, depth);
  ListenForCalls<ImmediateCall<GetModelRpc, MdnService>>(endpoint, 1);
  ListenForCalls<ImmediateCall<ListModelsRpc, MdnService>>(endpoint, 1);
}

}  // namespace mdn

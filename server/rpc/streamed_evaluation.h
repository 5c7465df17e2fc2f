#ifndef MDN_SERVER_RPC_STREAMED_EVALUATION_H_
#define MDN_SERVER_RPC_STREAMED_EVALUATION_H_

#include <google/protobuf/arena.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <variant>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "mdn/v1/mdn.pb.h"
#include "server/batching/task.h"
#include "server/rpc/mdn_service.h"
#include "server/rpc/operations.h"
#include "server/rpc/stream_wire.h"
#include "server/rpc/wire_message.h"

namespace mdn {

/// One request of a stream, from its bytes to its answer: parsed, prepared and, where there is
/// something to evaluate, given to its model's batcher as a task. Thread-compatible, but for what
/// the batcher does with the task.
class StreamedEvaluation {
 public:
  class Owner {
   public:
    /// The task is done. `followed`: see Task.
    virtual void Evaluated(StreamedEvaluation& evaluation, const absl::Status& status,
                           bool followed) = 0;

   protected:
    ~Owner() = default;
  };

  explicit StreamedEvaluation(Owner& owner) : owner_(owner) {}
  StreamedEvaluation(const StreamedEvaluation&) = delete;
  StreamedEvaluation& operator=(const StreamedEvaluation&) = delete;

  /// Whether it is well formed. Called once, first.
  bool Parse(absl::string_view bytes);

  /// Checks the request, sizes its response and makes its task, unless there is nothing to
  /// evaluate. An error is what the request is to be answered with.
  absl::Status Prepare(const MdnService& service, SteadyTime stream_deadline);

  /// Another part of the answer follows this one.
  bool more() const { return progress_.more; }
  /// The same as Prepare, for the next part.
  absl::Status PrepareNext(const MdnService& service) { return CreateOperation(service); }

  /// Instead of evaluating it: keeps nothing but a response with this error.
  void Fail(const absl::Status& status);

  /// Turns the response of what has been evaluated into this error.
  void SetError(const absl::Status& status);

  /// Null where there is nothing to evaluate.
  Task* task() { return task_.has_value() ? &*task_ : nullptr; }
  const std::shared_ptr<ServedModel>& model() const { return model_; }
  /// The answer, or the next part of it.
  void AddTo(StreamResponseWriter& message) const;
  /// That AddTo adds, at most.
  size_t response_bytes() const;
  /// That it takes with its messages, about; the same from Prepare or Fail on.
  int64_t bytes() const { return bytes_; }

  /// Guarded by the owner's lock: where it stands among those that are being evaluated.
  size_t place = 0;

 private:
  class RowsTask final : public Task {
   public:
    RowsTask(StreamedEvaluation& evaluation, const Rows& rows, SteadyTime deadline);
    void Consume(const Mixture& mixture, int64_t begin, int64_t first_row, int64_t rows) override;
    void Done(absl::Status status) override;

   private:
    StreamedEvaluation& evaluation_;
  };

  SteadyTime DeadlineOf(SteadyTime stream_deadline) const;
  absl::Status CreateOperation(const MdnService& service);
  template <class Operation, class Request>
  absl::Status Create(const MdnService& service, const Request& request);

  Owner& owner_;
  alignas(8) char first_block_[kFirstBlockBytes];
  google::protobuf::Arena arena_{first_block_, kFirstBlockBytes};
  v1::StreamedRequest& request_ =
      *google::protobuf::Arena::CreateMessage<v1::StreamedRequest>(&arena_);
  uint64_t id_ = 0;
  SteadyTime deadline_;
  std::shared_ptr<ServedModel> model_;
  std::variant<std::monostate, PredictOperation, SampleOperation, LogLikelihoodOperation>
      operation_;
  RowPurpose purpose_ = RowPurpose::kPredict;
  std::optional<RowsTask> task_;
  AnswerProgress progress_;
  /// The field of StreamedResponse, and its content, whole when the task is done.
  int response_field_ = 0;
  WireMessage response_;
  grpc::Slice error_;
  int64_t bytes_ = 0;
};

}  // namespace mdn

#endif  // MDN_SERVER_RPC_STREAMED_EVALUATION_H_

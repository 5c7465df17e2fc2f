#include <grpcpp/client_context.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/generic/generic_stub.h>

#include <string>
#include <vector>

#include "client/load/bearer.h"
#include "client/load/grpc_time.h"

namespace mdn::load {
namespace {

struct Call {
  std::optional<grpc::ClientContext> context;
  grpc::ByteBuffer response;
  grpc::Status status;
  std::unique_ptr<grpc::ClientAsyncResponseReader<grpc::ByteBuffer>> reader;
  LoadTime due;
};

class UnaryBearer final : public Bearer {
 public:
  UnaryBearer(const Workload& workload, std::chrono::nanoseconds timeout, uint64_t seed)
      : method_(MethodName(workload.rpc)),
        timeout_(timeout),
        requests_(MakeRequests(workload, kDifferentRequests, seed)) {}

  ~UnaryBearer() override {
    queue_.Shutdown();
    void* tag = nullptr;
    bool ok = false;
    while (queue_.Next(&tag, &ok)) {
    }
  }

  void AddConnection(const std::shared_ptr<grpc::Channel>& channel) override {
    stubs_.emplace_back(channel);
  }

  void Send(LoadTime due) override {
    Call& call = FreeCall();
    call.due = due;
    call.context.emplace();
    call.context->set_deadline(ToGrpcTime(due + timeout_));
    call.reader = stubs_[next_stub_].PrepareUnaryCall(&*call.context, method_,
                                                      requests_[next_request_], &queue_);
    call.reader->StartCall();
    call.reader->Finish(&call.response, &call.status, &call);
    next_stub_ = (next_stub_ + 1) % stubs_.size();
    next_request_ = (next_request_ + 1) % requests_.size();
  }

  std::optional<Answer> ReceiveUntil(LoadTime until) override {
    void* tag = nullptr;
    bool ok = false;
    if (queue_.AsyncNext(&tag, &ok, ToGrpcTime(until)) != grpc::CompletionQueue::GOT_EVENT) {
      return {};
    }
    Call& call = *static_cast<Call*>(tag);
    Answer answer{call.due, call.status.error_code(), static_cast<int64_t>(call.response.Length()),
                  call.status.error_message()};
    call.reader.reset();
    call.context.reset();
    call.response.Clear();
    free_calls_.push_back(&call);
    return answer;
  }

  void CancelAll() override {
    for (const auto& call : calls_) {
      if (call->reader != nullptr) call->context->TryCancel();
    }
  }

 private:
  Call& FreeCall() {
    if (free_calls_.empty()) {
      calls_.push_back(std::make_unique<Call>());
      return *calls_.back();
    }
    Call* const call = free_calls_.back();
    free_calls_.pop_back();
    return *call;
  }

  const std::string method_;
  const std::chrono::nanoseconds timeout_;
  const std::vector<grpc::ByteBuffer> requests_;
  grpc::CompletionQueue queue_;
  std::vector<grpc::GenericStub> stubs_;
  std::vector<std::unique_ptr<Call>> calls_;
  std::vector<Call*> free_calls_;
  size_t next_stub_ = 0;
  size_t next_request_ = 0;
};

}  // namespace

std::unique_ptr<Bearer> MakeUnaryBearer(const Workload& workload, std::chrono::nanoseconds timeout,
                                        uint64_t seed) {
  return std::make_unique<UnaryBearer>(workload, timeout, seed);
}

}  // namespace mdn::load

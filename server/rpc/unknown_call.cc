#include "server/rpc/unknown_call.h"

namespace mdn {

void UnknownCall::Listen() {
  endpoint_.gate.Add();
  context_.AsyncNotifyWhenDone(&gone_);
  endpoint_.service.RequestCall(&context_, &stream_, &endpoint_.queue, &endpoint_.queue, &arrived_);
}

void UnknownCall::Arrived(bool ok) {
  if (!ok) {  // The server is shutting down, and nothing else will come.
    Delete();
    return;
  }
  record_.Arrived();
  (new UnknownCall(endpoint_, record_.method()))->Listen();
  const absl::Status status = Judge();
  endpoint_.Record(record_, kMethod, context_, status);
  stream_.Finish(ToGrpcStatus(status, context_), &finished_);
}

absl::Status UnknownCall::Judge() {
  absl::Status status = endpoint_.Admit(context_);
  admitted_ = status.ok();
  return admitted_ ? absl::UnimplementedError("this server has no such service or method") : status;
}

void UnknownCall::Ended(bool /*ok*/) {
  if (references_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  if (admitted_) endpoint_.gate.Leave();
  Delete();
}

void UnknownCall::Delete() {
  CallGate& gate = endpoint_.gate;
  delete this;
  gate.Remove();
}

}  // namespace mdn

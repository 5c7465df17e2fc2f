#ifndef MDN_SERVER_RPC_STREAM_CALL_H_
#define MDN_SERVER_RPC_STREAM_CALL_H_

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "server/rpc/call.h"
#include "server/rpc/mdn_service.h"
#include "server/rpc/open_streams.h"
#include "server/rpc/stream_window.h"
#include "server/rpc/stream_wire.h"
#include "server/rpc/streamed_evaluation.h"

namespace mdn {

/// One call of Stream, from the wait for it until its end. It owns itself from Listen on.
///
/// Requests begin in the order in which they came, as long as the window is open, on the threads
/// that poll; a message is read when those of the one before have all begun. So what a stream holds
/// is bounded: the window, one message, and one request that went beyond the window. Answers that
/// become ready while a message of them is being written make up the next one.
///
/// Events come on several threads and in any order, even before Arrived has returned: each one that
/// is still to come, and each one that is being handled, holds a reference.
class StreamCall final : public OpenStreams::Stream, public StreamedEvaluation::Owner {
 public:
  static constexpr RpcMethod kMethod{"mdn.v1.MdnService", "Stream", "bidi_stream"};

  /// Waits for `depth` streams; whenever one arrives another one waits in its place.
  static void Listen(CallEndpoint<MdnService>& endpoint, int depth);

  StreamCall(CallEndpoint<MdnService>& endpoint, MethodMetrics& metrics)
      : endpoint_(endpoint), record_(metrics), window_(endpoint.service.limits()) {}
  /// Waits for one.
  void Listen();

  void Drain() override;

 private:
  ~StreamCall() = default;

  // Events.
  void Arrived(bool ok);
  void Read(bool ok);
  void Written(bool ok);
  void Gone(bool ok);
  void Finished(bool /*ok*/) { Release(); }
  void Evaluated(StreamedEvaluation& evaluation, const absl::Status& status,
                 bool followed) override;

  void Cancel();
  void BeginRequests();
  void Begin(absl::string_view bytes);
  void Continue(std::unique_ptr<StreamedEvaluation> evaluation);
  void Reserve(std::unique_ptr<StreamedEvaluation> evaluation, absl::Status status);
  void Submit(std::unique_ptr<StreamedEvaluation> evaluation);
  void End(const absl::Status& status);
  void Release();
  void Delete();

  // Need the lock.
  void TakeMessageLocked();
  void ReleaseMessageLocked();
  void AnswerLocked(StreamedEvaluation* evaluation);
  bool MayBeginLocked() const;
  void RecycleLocked(StreamedEvaluation* evaluation);
  void EndLocked(const absl::Status& status);
  void DropLocked();
  /// Writes or finishes, if it is time to.
  void Act(std::unique_lock<std::mutex> lock);

  /// A message of answers, and whose they are.
  struct Outgoing {
    StreamResponseWriter message;
    std::vector<StreamedEvaluation*> evaluations;
  };

  CallEndpoint<MdnService>& endpoint_;
  MemberEvent<StreamCall> arrived_event_{this, &StreamCall::Arrived};
  MemberEvent<StreamCall> read_event_{this, &StreamCall::Read};
  MemberEvent<StreamCall> written_event_{this, &StreamCall::Written};
  MemberEvent<StreamCall> gone_event_{this, &StreamCall::Gone};
  MemberEvent<StreamCall> finished_event_{this, &StreamCall::Finished};
  /// The arrival and the going; everything else adds its own.
  std::atomic<int> references_{2};
  bool admitted_ = false;
  uint64_t access_revision_ = 0;
  CallRecord record_;
  SteadyTime deadline_;
  grpc::ServerContext context_;
  grpc::ServerAsyncReaderWriter<grpc::ByteBuffer, grpc::ByteBuffer> stream_{&context_};
  /// Belongs to the read that is under way.
  grpc::ByteBuffer arriving_;

  // Guarded by mutex_, which is taken after OpenStreams'.
  std::mutex mutex_;
  StreamWindow window_;
  /// Released by the thread in BeginRequests alone, which reads it without the lock.
  StreamRequestReader message_;
  /// A thread is in BeginRequests, or Arrived has not yet come to it; and it has to look again.
  bool beginning_ = true;
  bool news_ = false;
  bool reading_ = false;
  bool writing_ = false;
  bool finishing_ = false;
  bool cancelled_ = false;
  /// How the stream will end. Set: nothing more is read.
  std::optional<absl::Status> end_;
  std::vector<StreamedEvaluation*> evaluating_;
  std::deque<Outgoing> outgoing_;
  /// A part of their answer has been sent, and the next is to begin.
  std::deque<StreamedEvaluation*> unfinished_;
  /// Being written.
  Outgoing written_;
  /// Of a cancelled stream: still looked at by whoever cancels.
  std::vector<StreamedEvaluation*> dropped_;
};

}  // namespace mdn

#endif  // MDN_SERVER_RPC_STREAM_CALL_H_

#ifndef MDN_CLIENT_STREAM_SESSION_H_
#define MDN_CLIENT_STREAM_SESSION_H_

#include <grpcpp/alarm.h>
#include <grpcpp/client_context.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/support/async_stream.h>
#include <grpcpp/support/status.h>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/container/btree_set.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "client/route.h"
#include "client/streamed_answer.h"
#include "mdn/call_options.h"
#include "mdn/stream.h"
#include "mdn/v1/mdn.grpc.pb.h"

namespace mdn::client_internal {

/// The requests of a Stream, the call that bears them and the thread that completes them. There is
/// one call at a time; it is made when there is something to send, and again after it was lost.
/// Thread-safe.
class StreamSession {
 public:
  /// What a request has come to; the answer only where the status is OK.
  using Done = std::function<void(const absl::Status& status, StreamedAnswer& answer)>;

  StreamSession(std::shared_ptr<const ServerRotation> servers, StreamOptions options,
                int64_t max_response_bytes);
  /// Stop.
  ~StreamSession();

  /// Takes the request, whose id it sets; returns the id. `done` runs exactly once, on the
  /// session's thread, or within this function where the request cannot be taken.
  uint64_t Send(v1::StreamedRequest request, const CallOptions& options, Done done);

  /// One request is CANCELLED, if it is still under way.
  void CancelRequest(uint64_t id);
  void Close();
  void Cancel();
  /// Cancels, and returns when the callbacks have run. Not within one.
  void Stop();

 private:
  static constexpr size_t kLeastToDrop = 64;

  using Lock = std::unique_lock<std::mutex>;
  using BidiCall = grpc::ClientAsyncReaderWriter<v1::StreamRequest, v1::StreamResponse>;

  struct Request {
    Done done;
    absl::Time deadline;
    StreamedAnswer answer;
  };
  struct Completion {
    Request request;
    absl::Status status;
  };
  /// Requests that go together.
  struct Message {
    v1::StreamRequest requests;
    size_t bytes = 0;
  };
  /// A completion queue's tag.
  struct Event {
    void (StreamSession::*handle)(bool ok);
  };

  bool OnOwnThread() const { return std::this_thread::get_id() == thread_.get_id(); }
  void HandleEvents();
  bool HandleNextEvent(absl::Time until);

  // Need the lock.
  absl::Status AwaitRoom(Lock& lock, absl::Time deadline);
  void Enqueue(v1::StreamedRequest request);
  /// Take out what expired, or was cancelled, and so need not be sent any more.
  void DropForgotten(Message& message) const;
  void DropForgotten();
  void Advance();
  void Open();
  void Write();
  bool ShouldHalfClose() const;
  void Take(v1::StreamedResponse response);
  void Complete(uint64_t id, const absl::Status& status);
  void CompleteAll(const absl::Status& status);
  void CompleteSent(const absl::Status& status);
  void Expire(absl::Time now);
  void Refuse(const absl::Status& status);
  void EndCall();
  void Wake();
  void CallBack(Lock& lock);

  // Events; they need the lock too.
  void Opened(bool ok);
  void Written(bool ok);
  void Read(bool ok);
  void HalfClosed(bool ok);
  void Closed(bool ok);
  void Woken(bool ok);

  const std::shared_ptr<const ServerRotation> servers_;
  const StreamOptions options_;
  const int64_t max_response_bytes_;
  Event opened_{&StreamSession::Opened};
  Event written_{&StreamSession::Written};
  Event read_{&StreamSession::Read};
  Event half_closed_{&StreamSession::HalfClosed};
  Event closed_{&StreamSession::Closed};
  Event woken_{&StreamSession::Woken};
  grpc::CompletionQueue events_;
  std::atomic<uint64_t> next_id_{0};

  // Guarded by mutex_.
  std::mutex mutex_;
  /// A request is done, or the call has ended.
  std::condition_variable changed_;
  absl::flat_hash_map<uint64_t, Request> requests_;
  absl::btree_set<std::pair<absl::Time, uint64_t>> deadlines_;
  /// Done, and not called back yet.
  std::vector<Completion> completions_;
  bool calling_back_ = false;
  std::deque<Message> unsent_;
  /// Sent on the present call, which has not answered anything yet.
  std::deque<Message> unconfirmed_;
  /// So many messages are worth a look for what need not be sent any more.
  size_t drop_at_ = kLeastToDrop;
  /// Why no more requests are taken; OK while they are.
  absl::Status refusal_;
  /// Where calls may go to, and where the present or the next one does; nullptr: to be chosen anew.
  Route route_;
  const ServerChannel* server_ = nullptr;
  enum class Phase { kNone, kOpening, kOpen, kHalfClosed, kEnding } phase_ = Phase::kNone;
  bool answered_ = false;
  bool writing_ = false;
  bool ended_ = false;
  absl::Time opened_at_;
  std::unique_ptr<grpc::ClientContext> context_;
  std::unique_ptr<BidiCall> call_;
  /// Belong to the read, and to the end, that are under way.
  v1::StreamResponse arriving_;
  grpc::Status end_;
  grpc::Alarm alarm_;
  bool waking_ = false;
  absl::Time looks_at_ = absl::InfiniteFuture();
  bool stopping_ = false;
  /// Runs from the first request on.
  std::thread thread_;
};

}  // namespace mdn::client_internal

#endif  // MDN_CLIENT_STREAM_SESSION_H_

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>
#include <grpcpp/client_context.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/generic/generic_stub.h>

#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "client/load/bearer.h"
#include "client/load/grpc_time.h"
#include "mdn/v1/mdn.pb.h"

namespace mdn::load {
namespace {

using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedInputStream;
using google::protobuf::io::CodedOutputStream;

constexpr char kMethod[] = "/mdn.v1.MdnService/Stream";
// As the client library has it.
constexpr size_t kMostInMessage = 256;

constexpr uint32_t LengthDelimited(int field) {
  return static_cast<uint32_t>(field) << 3 | WireFormatLite::WIRETYPE_LENGTH_DELIMITED;
}
constexpr uint32_t kElementTag = LengthDelimited(1);
constexpr uint32_t kIdTag = v1::StreamedResponse::kIdFieldNumber << 3;
constexpr uint32_t kErrorTag = LengthDelimited(v1::StreamedResponse::kErrorFieldNumber);
constexpr uint32_t kMoreTag = v1::StreamedResponse::kMoreFieldNumber << 3;

/// What a response says of its request, read without making anything of its numbers.
struct Outcome {
  uint64_t id = 0;
  int code = 0;
  bool more = false;
  std::string message;
};

Outcome ReadOutcome(absl::string_view bytes) {
  CodedInputStream input(reinterpret_cast<const uint8_t*>(bytes.data()),
                         static_cast<int>(bytes.size()));
  Outcome outcome;
  uint64_t value = 0;
  while (const uint32_t tag = input.ReadTag()) {
    if (tag == kIdTag) {
      input.ReadVarint64(&outcome.id);
    } else if (tag == kMoreTag) {
      input.ReadVarint64(&value);
      outcome.more = value != 0;
    } else if (tag == kErrorTag) {
      google::rpc::Status status;
      WireFormatLite::ReadMessage(&input, &status);
      outcome.code = status.code();
      outcome.message = std::move(*status.mutable_message());
    } else if (!WireFormatLite::SkipField(&input, tag)) {
      break;
    }
  }
  return outcome;
}

/// Requests under way, by number.
class Slots {
 public:
  struct Slot {
    LoadTime due;
    int64_t bytes = 0;
    bool taken = false;
  };

  uint64_t Take(LoadTime due) {
    if (free_.empty()) {
      free_.push_back(slots_.size());
      slots_.emplace_back();
    }
    const uint64_t id = free_.back();
    free_.pop_back();
    slots_[id] = {due, 0, true};
    ++taken_;
    return id;
  }

  /// Null where there is none of that number.
  Slot* Find(uint64_t id) { return id < slots_.size() && slots_[id].taken ? &slots_[id] : nullptr; }

  void Free(uint64_t id) {
    slots_[id].taken = false;
    free_.push_back(id);
    --taken_;
  }

  size_t size() const { return slots_.size(); }
  int64_t taken() const { return taken_; }

 private:
  std::vector<Slot> slots_;
  std::vector<uint64_t> free_;
  int64_t taken_ = 0;
};

/// One stream, opened when there is something to send, and again after it broke.
class LoadStream {
 public:
  LoadStream(const std::shared_ptr<grpc::Channel>& channel, grpc::CompletionQueue& queue,
             std::chrono::nanoseconds timeout)
      : stub_(channel), queue_(queue), timeout_(timeout) {}

  void Add(LoadTime due, absl::string_view request) {
    if (slots_.taken() == 0) last_progress_ = LoadClock::now();
    const uint64_t id = slots_.Take(due);
    if (messages_.empty() || in_last_ == kMostInMessage) {
      messages_.emplace_back();
      in_last_ = 0;
    }
    ++in_last_;
    const size_t size = CodedOutputStream::VarintSize64(id) + 1 + request.size();
    uint8_t head[32];
    uint8_t* end = CodedOutputStream::WriteTagToArray(kElementTag, head);
    end = CodedOutputStream::WriteVarint32ToArray(static_cast<uint32_t>(size), end);
    end = CodedOutputStream::WriteTagToArray(v1::StreamedRequest::kIdFieldNumber << 3, end);
    end = CodedOutputStream::WriteVarint64ToArray(id, end);
    messages_.back().append(reinterpret_cast<const char*>(head), end - head);
    messages_.back().append(request.data(), request.size());
  }

  /// Starts to send what waits, if nothing is being sent.
  void Flush() {
    if (messages_.empty() || writing_) return;
    if (call_ == nullptr) return Open();
    if (!open_) return;
    writing_ = true;
    const grpc::Slice slice(messages_.front());
    messages_.pop_front();
    call_->Write(grpc::ByteBuffer(&slice, 1), &written_);
  }

  /// Ends a stream that has not moved for longer than any request may take.
  void CheckProgress(LoadTime now) {
    if (slots_.taken() > 0 && now > last_progress_ + 2 * timeout_) Cancel();
  }

  void Cancel() {
    if (call_ != nullptr) context_->TryCancel();
  }

  bool idle() const { return call_ == nullptr; }

  /// The queue's tags.
  struct Event {
    LoadStream* stream;
    void (LoadStream::*handle)(bool ok, std::deque<Bearer::Answer>& answers);
  };

 private:
  void Open() {
    context_ = std::make_unique<grpc::ClientContext>();
    call_ = stub_.PrepareCall(context_.get(), kMethod, &queue_);
    call_->StartCall(&opened_);
  }

  void Opened(bool ok, std::deque<Bearer::Answer>& /*answers*/) {
    if (!ok) return Finish();
    open_ = true;
    call_->Read(&message_, &read_);
    Flush();
  }

  void Written(bool /*ok*/, std::deque<Bearer::Answer>& answers) {
    writing_ = false;
    if (finished_) return Close(answers);
    Flush();
  }

  void Read(bool ok, std::deque<Bearer::Answer>& answers) {
    if (!ok) return Finish();
    last_progress_ = LoadClock::now();
    grpc::Slice slice;
    if (!message_.TrySingleSlice(&slice).ok()) message_.DumpToSingleSlice(&slice);
    CodedInputStream input(slice.begin(), static_cast<int>(slice.size()));
    int size = 0;
    while (input.ReadTag() == kElementTag && input.ReadVarintSizeAsInt(&size)) {
      const char* const begin =
          reinterpret_cast<const char*>(slice.begin()) + input.CurrentPosition();
      if (!input.Skip(size)) break;
      TakeAnswer({begin, static_cast<size_t>(size)}, answers);
    }
    call_->Read(&message_, &read_);
  }

  void TakeAnswer(absl::string_view response, std::deque<Bearer::Answer>& answers) {
    Outcome outcome = ReadOutcome(response);
    Slots::Slot* const slot = slots_.Find(outcome.id);
    if (slot == nullptr) return;
    slot->bytes += static_cast<int64_t>(response.size());
    if (outcome.more) return;
    answers.push_back({slot->due, outcome.code, slot->bytes, std::move(outcome.message)});
    slots_.Free(outcome.id);
  }

  void Finish() { call_->Finish(&status_, &closed_); }

  void Closed(bool /*ok*/, std::deque<Bearer::Answer>& answers) {
    finished_ = true;
    if (!writing_) Close(answers);
  }

  /// Everything that is under way has got the stream's status.
  void Close(std::deque<Bearer::Answer>& answers) {
    const int code = status_.ok() ? grpc::StatusCode::UNAVAILABLE : status_.error_code();
    const std::string message =
        status_.ok() ? "the server ended the stream" : status_.error_message();
    for (uint64_t id = 0; id < slots_.size(); ++id) {
      if (Slots::Slot* const slot = slots_.Find(id); slot != nullptr) {
        answers.push_back({slot->due, code, 0, message});
        slots_.Free(id);
      }
    }
    messages_.clear();
    call_.reset();
    open_ = finished_ = false;
  }

  grpc::GenericStub stub_;
  grpc::CompletionQueue& queue_;
  const std::chrono::nanoseconds timeout_;
  Event opened_{this, &LoadStream::Opened};
  Event written_{this, &LoadStream::Written};
  Event read_{this, &LoadStream::Read};
  Event closed_{this, &LoadStream::Closed};
  std::unique_ptr<grpc::ClientContext> context_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> call_;
  grpc::ByteBuffer message_;
  grpc::Status status_;
  bool open_ = false;
  bool writing_ = false;
  bool finished_ = false;
  Slots slots_;
  std::deque<std::string> messages_;
  size_t in_last_ = 0;
  LoadTime last_progress_;
};

class StreamBearer final : public Bearer {
 public:
  StreamBearer(const Workload& workload, std::chrono::nanoseconds timeout, uint64_t seed)
      : timeout_(timeout),
        requests_(MakeStreamedRequests(workload, kDifferentRequests, timeout, seed)) {}

  ~StreamBearer() override {
    CancelAll();
    for (const auto& stream : streams_) {
      while (!stream->idle()) Poll(LoadTime::max());
    }
    queue_.Shutdown();
    void* tag = nullptr;
    bool ok = false;
    while (queue_.Next(&tag, &ok)) {
    }
  }

  void AddConnection(const std::shared_ptr<grpc::Channel>& channel) override {
    streams_.push_back(std::make_unique<LoadStream>(channel, queue_, timeout_));
  }

  void Send(LoadTime due) override {
    streams_[next_stream_]->Add(due, requests_[next_request_]);
    next_stream_ = (next_stream_ + 1) % streams_.size();
    next_request_ = (next_request_ + 1) % requests_.size();
  }

  std::optional<Answer> ReceiveUntil(LoadTime until) override {
    if (answers_.empty()) {
      for (const auto& stream : streams_) stream->Flush();
      while (answers_.empty() && Poll(until)) {
      }
    }
    if (answers_.empty()) return {};
    Answer answer = std::move(answers_.front());
    answers_.pop_front();
    return answer;
  }

  void CancelAll() override {
    for (const auto& stream : streams_) stream->Cancel();
  }

 private:
  bool Poll(LoadTime until) {
    void* tag = nullptr;
    bool ok = false;
    if (queue_.AsyncNext(&tag, &ok, ToGrpcTime(until)) != grpc::CompletionQueue::GOT_EVENT) {
      for (const auto& stream : streams_) stream->CheckProgress(LoadClock::now());
      return false;
    }
    const auto& event = *static_cast<LoadStream::Event*>(tag);
    (event.stream->*event.handle)(ok, answers_);
    return true;
  }

  const std::chrono::nanoseconds timeout_;
  const std::vector<std::string> requests_;
  grpc::CompletionQueue queue_;
  std::vector<std::unique_ptr<LoadStream>> streams_;
  std::deque<Answer> answers_;
  size_t next_stream_ = 0;
  size_t next_request_ = 0;
};

}  // namespace

std::unique_ptr<Bearer> MakeStreamBearer(const Workload& workload, std::chrono::nanoseconds timeout,
                                         uint64_t seed) {
  return std::make_unique<StreamBearer>(workload, timeout, seed);
}

}  // namespace mdn::load

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/server_posix.h>
#include <gtest/gtest.h>
#include <malloc.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "mdn/client.h"
#include "mdn/v1/mdn.grpc.pb.h"
#include "tests/integration/fake_model_server.h"

// The client's streams against the server itself.

namespace mdn {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;

Client MakeClient(const std::vector<std::string>& servers, bool coalesce = false) {
  ClientOptions options;
  options.servers = servers;
  options.coalesce = coalesce;
  options.timeout = absl::Seconds(30);
  return Client(options);
}

/// x [1, 1].
class OneRow {
 public:
  explicit OneRow(float feature) : value_(feature) {}
  operator PredictRequest() const { return {{}, {{1, 1}, absl::MakeConstSpan(&value_, 1)}}; }

 private:
  float value_;
};

float Mean(const absl::StatusOr<Prediction>& prediction) {
  EXPECT_TRUE(prediction.ok()) << prediction.status();
  return prediction.ok() ? prediction->mu.values[0] : -1;
}

class ClientStreamTest : public testing::Test {
 protected:
  FakeModelServer server_;
  Client client_ = MakeClient({server_.address()});
};

TEST_F(ClientStreamTest, FuturesGetTheirOwnAnswers) {
  const auto stream = client_.OpenStream();
  std::vector<Stream::Future<Prediction>> futures;
  for (int i = 0; i < 3000; ++i) futures.push_back(stream->Predict(OneRow(i)));
  for (int i = 0; i < 3000; ++i) EXPECT_EQ(Mean(futures[i].get()), i);
}

TEST_F(ClientStreamTest, AnErrorConcernsItsRequestAlone) {
  const auto stream = client_.OpenStream();
  const std::vector<float> two = {1, 2};
  auto bad = stream->Predict(PredictRequest{{}, {{1, 2}, two}});
  auto good = stream->Predict(OneRow(5));
  const absl::StatusOr<Prediction> refused = bad.get();
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("x: got shape [1, 2]"));
  EXPECT_EQ(Mean(good.get()), 5);
}

TEST_F(ClientStreamTest, AllThreeKindsOfRequestsAreAnswered) {
  const auto stream = client_.OpenStream();
  const std::vector<float> x = {1, 2}, y = {0, 0};
  SampleRequest sample;
  sample.x = {{2, 1}, x};
  sample.num_samples = 5;
  sample.seed = 3;
  const auto streamed = stream->Sample(sample).get();
  const auto alone = client_.Sample(sample);
  ASSERT_TRUE(streamed.ok() && alone.ok());
  EXPECT_EQ(streamed->samples.values, alone->samples.values);
  const LogLikelihoodRequest density{{}, {{2, 1}, x}, {{2, 1}, y}};
  const auto streamed_density = stream->LogLikelihood(density).get();
  const auto density_alone = client_.LogLikelihood(density);
  ASSERT_TRUE(streamed_density.ok() && density_alone.ok());
  EXPECT_EQ(streamed_density->log_likelihood.values, density_alone->log_likelihood.values);
}

TEST_F(ClientStreamTest, PartsArePutTogether) {
  const auto stream = client_.OpenStream();
  const std::vector<float> x(8, 1);
  SampleRequest request;
  request.x = {{2, 4, 1}, x};
  request.num_samples = 125'000;
  request.seed = 3;
  request.return_components = true;
  const auto samples = stream->Sample(request).get();
  ASSERT_TRUE(samples.ok()) << samples.status();
  EXPECT_THAT(samples->samples.shape, ElementsAreArray({2, 4, 125'000, 1}));
  EXPECT_EQ(samples->samples.values.size(), 1'000'000u);
  EXPECT_EQ(samples->components.size(), 1'000'000u);
  EXPECT_EQ(samples->seed, 3u);
  EXPECT_EQ(client_.Sample(request).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(ClientStreamTest, CallbacksMayMakeOtherRequests) {
  const auto stream = client_.OpenStream();
  std::promise<float> last;
  std::function<void(int)> next = [&](int i) {
    stream->Predict(OneRow(i), {}, [&, i](absl::StatusOr<Prediction> prediction) {
      if (i == 100) return last.set_value(Mean(prediction));
      next(i + 1);
    });
  };
  next(0);
  EXPECT_EQ(last.get_future().get(), 100);
}

TEST_F(ClientStreamTest, ManyThreadsMayUseAStream) {
  const auto stream = client_.OpenStream();
  std::atomic<int> right{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 200; ++i) {
        const int feature = 1000 * t + i;
        if (Mean(stream->Predict(OneRow(feature)).get()) == feature) ++right;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(right, 800);
}

TEST_F(ClientStreamTest, WhatIsBeyondTheBoundWaits) {
  StreamOptions options;
  options.max_in_flight = 2;
  const auto stream = client_.OpenStream(options);
  server_.engine().Block();
  auto first = stream->Predict(OneRow(1)), second = stream->Predict(OneRow(2));
  server_.engine().WaitUntilBlocked();
  const auto third = stream->Predict(OneRow(3), {absl::Milliseconds(20)}).get();
  EXPECT_EQ(third.status().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(third.status().message(), "none of the stream's requests under way was answered");
  server_.engine().Release();
  EXPECT_EQ(Mean(first.get()), 1);
  EXPECT_EQ(Mean(second.get()), 2);
  EXPECT_EQ(Mean(stream->Predict(OneRow(4)).get()), 4);
}

TEST_F(ClientStreamTest, ATimeoutPassesWithoutTheServersHelp) {
  server_.engine().Block();
  const auto stream = client_.OpenStream();
  auto future = stream->Predict(OneRow(1), {absl::Milliseconds(50)});
  EXPECT_EQ(future.get().status().code(), absl::StatusCode::kDeadlineExceeded);
  server_.engine().Release();
  EXPECT_EQ(Mean(stream->Predict(OneRow(2)).get()), 2);
}

TEST_F(ClientStreamTest, CloseReturnsWhenAllIsAnswered) {
  const auto stream = client_.OpenStream();
  std::atomic<int> answered{0};
  for (int i = 0; i < 500; ++i) {
    stream->Predict(OneRow(i), {}, [&](const absl::StatusOr<Prediction>& prediction) {
      if (prediction.ok()) ++answered;
    });
  }
  stream->Close();
  EXPECT_EQ(answered, 500);
  const auto refused = stream->Predict(OneRow(1)).get();
  EXPECT_EQ(refused.status(), absl::FailedPreconditionError("the stream is closed"));
}

TEST_F(ClientStreamTest, CancelAnswersWhatIsUnderWay) {
  server_.engine().Block();
  const auto stream = client_.OpenStream();
  auto future = stream->Predict(OneRow(1));
  server_.engine().WaitUntilBlocked();
  stream->Cancel();
  EXPECT_EQ(future.get().status(), absl::CancelledError("the stream was cancelled"));
  EXPECT_EQ(stream->Predict(OneRow(1)).get().status().code(), absl::StatusCode::kCancelled);
  server_.engine().Release();
}

TEST_F(ClientStreamTest, TheDestructorCancels) {
  server_.engine().Block();
  auto stream = client_.OpenStream();
  auto future = stream->Predict(OneRow(1));
  server_.engine().WaitUntilBlocked();
  stream.reset();
  EXPECT_EQ(future.get().status().code(), absl::StatusCode::kCancelled);
  server_.engine().Release();
}

TEST_F(ClientStreamTest, AStreamMayOutliveItsClient) {
  std::unique_ptr<Stream> stream;
  {
    const Client client = MakeClient({server_.address()});
    stream = client.OpenStream();
  }
  EXPECT_EQ(Mean(stream->Predict(OneRow(4)).get()), 4);
}

TEST(ClientStreamLossTest, WhatWasUnderWayIsUnavailableAndTheNextRequestOpensANewCall) {
  FakeModelServer first;
  FakeModelServer second;
  const Client client = MakeClient({first.address(), second.address()});
  const auto stream = client.OpenStream();
  EXPECT_EQ(Mean(stream->Predict(OneRow(1)).get()), 1);
  FakeModelServer& used = first.engine().rows_seen() == 1 ? first : second;
  FakeModelServer& other = &used == &first ? second : first;
  used.server().Drain();
  const absl::Time bound = absl::Now() + absl::Seconds(30);
  while (true) {
    // Until the loss has been noticed.
    const absl::StatusOr<Prediction> prediction = stream->Predict(OneRow(2)).get();
    if (prediction.ok()) break;
    EXPECT_EQ(prediction.status().code(), absl::StatusCode::kUnavailable);
    ASSERT_LT(absl::Now(), bound);
  }
  EXPECT_GE(other.engine().rows_seen(), 1);
}

TEST(ClientStreamLossTest, AServerThatCannotBeReachedIsPassedOver) {
  FakeModelServer server;
  const Client client = MakeClient({"unix:/nonexistent/socket", server.address()});
  for (int i = 0; i < 4; ++i) {
    const auto stream = client.OpenStream();
    EXPECT_EQ(Mean(stream->Predict(OneRow(i)).get()), i);
  }
}

TEST(ClientStreamLossTest, WithoutAServerRequestsAreUnavailable) {
  const Client client = MakeClient({"unix:/nonexistent/socket"});
  const auto stream = client.OpenStream();
  EXPECT_EQ(stream->Predict(OneRow(1)).get().status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(stream->Predict(OneRow(1)).get().status().code(), absl::StatusCode::kUnavailable);
}

TEST(ClientStreamLossTest, CloseWaitsForCallbacksThatStillRun) {
  std::promise<void> called, released;
  const Client client = MakeClient({"unix:/nonexistent/socket"});
  const auto stream = client.OpenStream();
  stream->Predict(OneRow(1), {}, [&](const absl::StatusOr<Prediction>&) {
    called.set_value();
    released.get_future().wait();
  });
  called.get_future().wait();
  auto closed = std::async(std::launch::async, [&] { stream->Close(); });
  EXPECT_EQ(closed.wait_for(std::chrono::milliseconds(50)), std::future_status::timeout);
  released.set_value();
  EXPECT_EQ(closed.wait_for(std::chrono::seconds(30)), std::future_status::ready);
}

TEST(ClientStreamLossTest, WithoutServersCallbacksMayMakeOtherRequests) {
  std::promise<absl::Status> second;
  const Client client = MakeClient({});
  const auto stream = client.OpenStream();
  stream->Predict(OneRow(1), {}, [&](const absl::StatusOr<Prediction>&) {
    stream->Predict(OneRow(2), {}, [&](const absl::StatusOr<Prediction>& prediction) {
      second.set_value(prediction.status());
    });
  });
  auto answer = second.get_future();
  ASSERT_EQ(answer.wait_for(std::chrono::seconds(30)), std::future_status::ready);
  EXPECT_EQ(answer.get(), absl::InvalidArgumentError("the list of servers is empty"));
  stream->Close();
}

/// Reads streams only when it is told to; then it answers every request with ABORTED.
class StallingService final : public v1::MdnService::Service {
 public:
  void Go() { go_.set_value(); }
  std::vector<uint64_t> seen() {
    const std::lock_guard lock(mutex_);
    return seen_;
  }

 private:
  using Call = grpc::ServerReaderWriter<v1::StreamResponse, v1::StreamRequest>;

  grpc::Status Stream(grpc::ServerContext* /*context*/, Call* call) override {
    going_.wait();
    v1::StreamRequest message;
    while (call->Read(&message)) call->Write(Answer(message));
    return grpc::Status::OK;
  }

  v1::StreamResponse Answer(const v1::StreamRequest& message) {
    const std::lock_guard lock(mutex_);
    v1::StreamResponse answer;
    for (const v1::StreamedRequest& request : message.requests()) {
      seen_.push_back(request.id());
      v1::StreamedResponse& response = *answer.add_responses();
      response.set_id(request.id());
      response.mutable_error()->set_code(static_cast<int>(grpc::StatusCode::ABORTED));
    }
    return answer;
  }

  std::promise<void> go_;
  std::shared_future<void> going_ = go_.get_future().share();
  std::mutex mutex_;
  std::vector<uint64_t> seen_;
};

class StalledStreamTest : public testing::Test {
 protected:
  StalledStreamTest() {
    grpc::ServerBuilder builder;
    // Else it would take megabytes that nobody reads.
    builder.AddChannelArgument(GRPC_ARG_HTTP2_BDP_PROBE, 0);
    builder.AddChannelArgument(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, 64 << 10);
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    client_.emplace(MakeOptions(absl::StrCat("127.0.0.1:", port)));
    stream_ = client_->OpenStream();
  }

  static ClientOptions MakeOptions(const std::string& server) {
    ClientOptions options;
    options.servers = {server};
    return options;
  }

  /// 1 MB, which is more than goes out unread.
  Stream::Future<Prediction> PredictMuch(const CallOptions& options) {
    return stream_->Predict(PredictRequest{{}, {{250'000, 1}, much_}}, options);
  }

  const CallOptions soon_{absl::Milliseconds(1)}, patient_{absl::Seconds(60)};
  const std::vector<float> much_ = std::vector<float>(250'000, 1);
  StallingService service_;
  std::unique_ptr<grpc::Server> server_;
  std::optional<Client> client_;
  std::unique_ptr<Stream> stream_;
};

TEST_F(StalledStreamTest, WhatExpiresBeforeItIsSentIsNeverSent) {
  auto first = PredictMuch(patient_);
  for (int i = 0; i < 10; ++i) {
    const absl::Status status = stream_->Predict(OneRow(1), soon_).get().status();
    EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded);
  }
  auto last = stream_->Predict(OneRow(1), patient_);
  service_.Go();
  EXPECT_EQ(first.get().status().code(), absl::StatusCode::kAborted);
  EXPECT_EQ(last.get().status().code(), absl::StatusCode::kAborted);
  EXPECT_THAT(service_.seen(), ElementsAre(0, 11));
}

TEST_F(StalledStreamTest, WhatExpiresBeforeItIsSentIsNotKept) {
  auto first = PredictMuch(patient_);
  const size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
  for (int i = 0; i < 300; ++i) {
    const absl::Status status = PredictMuch(soon_).get().status();
    EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded);
  }
  // 64 MB, and what cannot be seen under a sanitizer.
  EXPECT_LT(mallinfo2().uordblks + mallinfo2().hblkhd, before + 100'000'000);
  service_.Go();
  EXPECT_EQ(first.get().status().code(), absl::StatusCode::kAborted);
}

/// A listener whose connections are answered when a server is given to them.
class SilentListener {
 public:
  SilentListener() : socket_(socket(AF_INET, SOCK_STREAM, 0)) {
    address_.sin_family = AF_INET;
    address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address_);
    EXPECT_EQ(bind(socket_, reinterpret_cast<sockaddr*>(&address_), size), 0);
    EXPECT_EQ(listen(socket_, 8), 0);
    EXPECT_EQ(getsockname(socket_, reinterpret_cast<sockaddr*>(&address_), &size), 0);
  }
  ~SilentListener() { close(socket_); }
  SilentListener(const SilentListener&) = delete;
  SilentListener& operator=(const SilentListener&) = delete;

  std::string address() const { return absl::StrCat("127.0.0.1:", ntohs(address_.sin_port)); }

  void AnswerOneBy(grpc::Server& server) {
    const int connection = accept4(socket_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    ASSERT_GE(connection, 0);
    grpc::AddInsecureChannelFromFd(&server, connection);
  }

 private:
  const int socket_;
  sockaddr_in address_{};
};

TEST_F(StalledStreamTest, CloseReturnsThoughARequestExpiredBeforeTheCallOpened) {
  service_.Go();
  SilentListener listener;
  const Client client(MakeOptions(listener.address()));
  const auto stream = client.OpenStream();
  const absl::Status expired = stream->Predict(OneRow(1), {absl::Milliseconds(50)}).get().status();
  EXPECT_EQ(expired.code(), absl::StatusCode::kDeadlineExceeded);
  auto closed = std::async(std::launch::async, [&] { stream->Close(); });
  listener.AnswerOneBy(*server_);
  EXPECT_EQ(closed.wait_for(std::chrono::seconds(30)), std::future_status::ready);
  stream->Cancel();
}

class CoalescingTest : public testing::Test {
 protected:
  /// All went over one stream, none as a call of its own.
  void ExpectOneStream() {
    std::vector<std::string> started;
    for (const MethodMetrics* method : server_.server().rpc_metrics().All()) {
      if (method->started() > 0 && method->service() == "mdn.v1.MdnService")
        started.push_back(absl::StrCat(method->name(), " ", method->started()));
    }
    EXPECT_THAT(started, ElementsAre("Stream 1"));
  }

  FakeModelServer server_;
  Client client_ = MakeClient({server_.address()}, /*coalesce=*/true);
};

TEST_F(CoalescingTest, CallsOfAllThreadsAreAnswered) {
  std::atomic<int> right{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 100; ++i) {
        if (Mean(client_.Predict(OneRow(100 * t + i))) == 100 * t + i) ++right;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(right, 800);
  ExpectOneStream();
}

TEST_F(CoalescingTest, AsynchronousCallsGoTogether) {
  server_.engine().Block();
  std::vector<Client::Future<Prediction>> futures;
  futures.push_back(client_.PredictAsync(OneRow(0)));
  server_.engine().WaitUntilBlocked();
  for (int i = 1; i < 100; ++i) futures.push_back(client_.PredictAsync(OneRow(i)));
  server_.engine().Release();
  for (int i = 0; i < 100; ++i) EXPECT_EQ(Mean(futures[i].get()), i);
  ExpectOneStream();
}

TEST_F(CoalescingTest, ACallCanBeCancelled) {
  server_.engine().Block();
  std::promise<absl::Status> done;
  AsyncCall call = client_.PredictAsync(
      OneRow(1), {},
      [&](const absl::StatusOr<Prediction>& result) { done.set_value(result.status()); });
  server_.engine().WaitUntilBlocked();
  call.Cancel();
  EXPECT_EQ(done.get_future().get().code(), absl::StatusCode::kCancelled);
  server_.engine().Release();
}

TEST_F(CoalescingTest, WhatTheStreamLosesIsTriedAgainElsewhere) {
  FakeModelServer other;
  const Client client = MakeClient({server_.address(), other.address()}, /*coalesce=*/true);
  EXPECT_EQ(Mean(client.Predict(OneRow(1))), 1);
  FakeModelServer& used = server_.engine().rows_seen() == 1 ? server_ : other;
  used.server().Drain();
  EXPECT_EQ(Mean(client.Predict(OneRow(2))), 2);
  EXPECT_EQ(Mean(client.PredictAsync(OneRow(3)).get()), 3);
}

}  // namespace
}  // namespace mdn

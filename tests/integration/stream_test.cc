#include <gmock/gmock.h>
#include <grpcpp/generic/generic_stub.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <future>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "google/rpc/error_details.pb.h"
#include "server/observability/rejection.h"
#include "tests/integration/fake_model_server.h"
#include "tests/support/await.h"

namespace mdn {
namespace {

using ::testing::ElementsAreArray;
using ::testing::HasSubstr;

v1::StreamedRequest Predict(uint64_t id, std::initializer_list<float> features) {
  v1::StreamedRequest request;
  request.set_id(id);
  *request.mutable_predict()->mutable_x() = Column(features);
  return request;
}

/// A stream of the test server's, written and read on the test's thread.
class TestStream {
 public:
  explicit TestStream(FakeModelServer& server) : stream_(server.stub().Stream(&context_)) {}

  bool Write(const std::vector<v1::StreamedRequest>& requests) {
    v1::StreamRequest message;
    for (const auto& request : requests) *message.add_requests() = request;
    return stream_->Write(message);
  }

  /// The next answer.
  v1::StreamedResponse Read() {
    while (next_ == message_.responses_size()) {
      next_ = 0;
      if (stream_->Read(&message_)) continue;
      ADD_FAILURE() << "the stream has ended";
      return {};
    }
    return message_.responses(next_++);
  }

  void CloseWriting() { stream_->WritesDone(); }

  /// Expects that no answer is left.
  grpc::Status Finish() {
    EXPECT_EQ(next_, message_.responses_size());
    EXPECT_FALSE(stream_->Read(&message_));
    return stream_->Finish();
  }

  void Cancel() { context_.TryCancel(); }
  grpc::ClientContext& context() { return context_; }

 private:
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::StreamRequest, v1::StreamResponse>> stream_;
  v1::StreamResponse message_;
  int next_ = 0;
};

TEST(StreamTest, AnswersCarryTheirIds) {
  FakeModelServer server;
  TestStream stream(server);
  std::vector<v1::StreamedRequest> requests;
  for (int id = 0; id < 100; ++id) requests.push_back(Predict(id, {static_cast<float>(id)}));
  ASSERT_TRUE(stream.Write(requests));
  stream.CloseWriting();
  std::set<uint64_t> ids;
  for (int i = 0; i < 100; ++i) {
    const v1::StreamedResponse response = stream.Read();
    EXPECT_EQ(response.predict().mu().values(0), static_cast<float>(response.id()));
    ids.insert(response.id());
  }
  EXPECT_EQ(ids.size(), 100u);
  EXPECT_TRUE(stream.Finish().ok());
}

google::rpc::Status ErrorOf(TestStream& stream, uint64_t id) {
  const v1::StreamedResponse response = stream.Read();
  EXPECT_EQ(response.id(), id);
  return response.error();
}

TEST(StreamTest, AnErrorConcernsItsRequestAlone) {
  FakeModelServer server;
  TestStream stream(server);
  v1::StreamedRequest unknown = Predict(2, {1});
  unknown.mutable_predict()->mutable_model()->set_name("nobody");
  v1::StreamedRequest nothing;
  nothing.set_id(3);
  v1::StreamedRequest wide = Predict(4, {1, 2});
  wide.mutable_predict()->mutable_x()->set_shape(0, 1);
  ASSERT_TRUE(stream.Write({unknown}));
  EXPECT_EQ(ErrorOf(stream, 2).code(), grpc::StatusCode::NOT_FOUND);
  ASSERT_TRUE(stream.Write({nothing, wide, Predict(5, {7})}));
  google::rpc::Status error = ErrorOf(stream, 3);
  EXPECT_EQ(error.code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(error.message(),
            "request: got none of those known; expected predict, sample or log_likelihood");
  error = ErrorOf(stream, 4);
  EXPECT_EQ(error.code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(error.message(), HasSubstr("x: values holds 2 elements"));
  EXPECT_EQ(stream.Read().predict().mu().values(0), 7);
  stream.CloseWriting();
  EXPECT_TRUE(stream.Finish().ok());
}

TEST(StreamTest, RequestsWithTheSameIdAreAnsweredEach) {
  FakeModelServer server;
  TestStream stream(server);
  ASSERT_TRUE(stream.Write({Predict(1, {2}), Predict(1, {3})}));
  std::multiset<float> means;
  for (int i = 0; i < 2; ++i) means.insert(stream.Read().predict().mu().values(0));
  EXPECT_EQ(means, (std::multiset<float>{2, 3}));
}

TEST(StreamTest, AnswersComeAsTheyAreReady) {
  FakeModelServer server;
  TestStream stream(server);
  server.engine().Block();
  ASSERT_TRUE(stream.Write({Predict(1, {5})}));
  server.engine().WaitUntilBlocked();
  ASSERT_TRUE(stream.Write({Predict(2, {})}));
  EXPECT_EQ(stream.Read().id(), 2u);
  server.engine().Release();
  EXPECT_EQ(stream.Read().id(), 1u);
}

v1::SampleRequest SampleOf(std::initializer_list<float> features, int64_t num_samples) {
  v1::SampleRequest request;
  *request.mutable_x() = Column(features);
  request.set_num_samples(num_samples);
  request.set_seed(7);
  request.set_return_components(true);
  return request;
}

v1::LogLikelihoodRequest LogLikelihoodOf(std::initializer_list<float> features, int64_t points,
                                         int64_t dims) {
  v1::LogLikelihoodRequest request;
  *request.mutable_x() = Column(features);
  const auto rows = static_cast<int64_t>(features.size());
  for (const int64_t size : {rows, points, dims}) request.mutable_y()->add_shape(size);
  for (int64_t i = 0; i < rows * points * dims; ++i) request.mutable_y()->add_values(0.1f * i);
  return request;
}

template <class Message>
std::string Bits(const Message& message) {
  return message.SerializeAsString();
}

TEST(StreamTest, AnAnswerHasTheBitsOfACallOfItsOwn) {
  FakeModelServer::Options options;
  options.shape = {3, 2, true};
  FakeModelServer server(options);
  TestStream stream(server);
  v1::StreamedRequest predict = Predict(1, {0.3f, -2.5f}), sample, density;
  sample.set_id(2);
  *sample.mutable_sample() = SampleOf({0.3f, -2.5f}, 101);
  density.set_id(3);
  *density.mutable_log_likelihood() = LogLikelihoodOf({0.3f, -2.5f}, 3, 2);
  ASSERT_TRUE(stream.Write({predict, sample, density}));

  v1::PredictResponse prediction;
  v1::SampleResponse samples;
  v1::LogLikelihoodResponse densities;
  grpc::ClientContext contexts[3];
  ASSERT_TRUE(server.stub().Predict(&contexts[0], predict.predict(), &prediction).ok());
  ASSERT_TRUE(server.stub().Sample(&contexts[1], sample.sample(), &samples).ok());
  ASSERT_TRUE(server.stub().LogLikelihood(&contexts[2], density.log_likelihood(), &densities).ok());
  std::map<uint64_t, v1::StreamedResponse> answers;
  for (int i = 0; i < 3; ++i) {
    const v1::StreamedResponse answer = stream.Read();
    answers[answer.id()] = answer;
  }
  EXPECT_EQ(Bits(answers[1].predict()), Bits(prediction));
  EXPECT_EQ(Bits(answers[2].sample()), Bits(samples));
  EXPECT_EQ(Bits(answers[3].log_likelihood()), Bits(densities));
}

/// The parts of one answer, read to the last.
std::vector<v1::StreamedResponse> ReadParts(TestStream& stream) {
  std::vector<v1::StreamedResponse> parts = {stream.Read()};
  while (parts.back().more()) parts.push_back(stream.Read());
  return parts;
}

void Join(const v1::Tensor& part, std::vector<float>& values) {
  values.insert(values.end(), part.values().begin(), part.values().end());
}

class StreamPartsTest : public testing::Test {
 protected:
  static FakeModelServer::Options WithMessages(int64_t bytes) {
    FakeModelServer::Options options;
    options.shape = {3, 2, false};
    options.server.limits.max_message_bytes = bytes;
    return options;
  }

  FakeModelServer small_{WithMessages(64 << 10)};
  FakeModelServer large_{WithMessages(16 << 20)};
};

TEST_F(StreamPartsTest, SamplesOfManyRowsComeInPartsOfWholeRows) {
  TestStream stream(small_);
  v1::StreamedRequest request;
  *request.mutable_sample() = SampleOf({1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14}, 1001);
  ASSERT_TRUE(stream.Write({request}));
  const auto parts = ReadParts(stream);
  EXPECT_GT(parts.size(), 4u);

  grpc::ClientContext context;
  v1::SampleResponse whole;
  ASSERT_TRUE(large_.stub().Sample(&context, request.sample(), &whole).ok());
  std::vector<float> samples;
  std::vector<int32_t> components;
  for (const auto& part : parts) {
    const v1::SampleResponse& response = part.sample();
    EXPECT_EQ(response.seed(), 7u);
    EXPECT_LT(response.ByteSizeLong(), size_t{64} << 10);
    ASSERT_EQ(response.samples().shape_size(), 3);
    EXPECT_EQ(response.samples().shape(1), 1001);
    EXPECT_EQ(response.samples().shape(2), 2);
    Join(response.samples(), samples);
    components.insert(components.end(), response.components().begin(), response.components().end());
  }
  EXPECT_THAT(samples, ElementsAreArray(whole.samples().values()));
  EXPECT_THAT(components, ElementsAreArray(whole.components()));
}

TEST_F(StreamPartsTest, SamplesOfOneRowComeInPartsToo) {
  TestStream stream(small_);
  v1::StreamedRequest request;
  *request.mutable_sample() = SampleOf({1, 2}, 20001);
  ASSERT_TRUE(stream.Write({request}));
  const auto parts = ReadParts(stream);
  grpc::ClientContext context;
  v1::SampleResponse whole;
  ASSERT_TRUE(large_.stub().Sample(&context, request.sample(), &whole).ok());
  std::vector<float> samples;
  for (const auto& part : parts) {
    EXPECT_EQ(part.sample().samples().shape(0), 1);
    Join(part.sample().samples(), samples);
  }
  EXPECT_THAT(samples, ElementsAreArray(whole.samples().values()));
}

TEST_F(StreamPartsTest, SoDoPredictions) {
  TestStream stream(small_);
  v1::StreamedRequest request;
  v1::Tensor& x = *request.mutable_predict()->mutable_x();
  for (const int64_t size : {2, 1000, 1}) x.add_shape(size);
  for (int i = 0; i < 2000; ++i) x.add_values(0.5f * i);
  ASSERT_TRUE(stream.Write({request}));
  const auto parts = ReadParts(stream);
  grpc::ClientContext context;
  v1::PredictResponse whole;
  ASSERT_TRUE(large_.stub().Predict(&context, request.predict(), &whole).ok());
  std::vector<float> log_pi, mu, sigma;
  for (const auto& part : parts) {
    EXPECT_EQ(part.predict().mu().shape_size(), 3);
    Join(part.predict().log_pi(), log_pi);
    Join(part.predict().mu(), mu);
    Join(part.predict().sigma(), sigma);
  }
  EXPECT_GT(parts.size(), 4u);
  EXPECT_THAT(log_pi, ElementsAreArray(whole.log_pi().values()));
  EXPECT_THAT(mu, ElementsAreArray(whole.mu().values()));
  EXPECT_THAT(sigma, ElementsAreArray(whole.sigma().values()));
}

TEST_F(StreamPartsTest, ASeedThatTheServerDrewIsTheSameInEveryPart) {
  TestStream stream(small_);
  v1::StreamedRequest request;
  *request.mutable_sample() = SampleOf({1}, 20000);
  request.mutable_sample()->clear_seed();
  ASSERT_TRUE(stream.Write({request}));
  std::set<uint64_t> seeds;
  for (const auto& part : ReadParts(stream)) seeds.insert(part.sample().seed());
  EXPECT_EQ(seeds.size(), 1u);
}

TEST_F(StreamPartsTest, TheBoundOnSamplesHoldsForTheWholeRequest) {
  TestStream stream(small_);
  v1::StreamedRequest request;
  *request.mutable_sample() = SampleOf({1}, 1'000'001);
  ASSERT_TRUE(stream.Write({request}));
  const google::rpc::Status error = ErrorOf(stream, 0);
  EXPECT_EQ(error.code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(error.message(), HasSubstr("max_samples_per_request"));
}

TEST_F(StreamPartsTest, OtherAnswersComeBetweenTheParts) {
  TestStream stream(small_);
  v1::StreamedRequest request;
  request.set_id(1);
  *request.mutable_sample() = SampleOf({1}, 100'000);
  ASSERT_TRUE(stream.Write({request, Predict(2, {3})}));
  std::vector<uint64_t> ids;
  for (v1::StreamedResponse part = stream.Read(); part.id() == 2 || part.more();
       part = stream.Read()) {
    ids.push_back(part.id());
  }
  EXPECT_NE(std::find(ids.begin(), ids.end(), 2u), ids.end());
}

TEST(StreamTest, WhatHasExpiredIsNotEvaluated) {
  FakeModelServer::Options options;
  options.batching.now = [] { return std::chrono::steady_clock::now() + std::chrono::hours(1); };
  FakeModelServer server(options);
  TestStream stream(server);
  v1::StreamedRequest expired = Predict(1, {5});
  expired.set_timeout_ms(60'000);
  ASSERT_TRUE(stream.Write({expired}));
  EXPECT_EQ(ErrorOf(stream, 1).code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  ASSERT_TRUE(stream.Write({Predict(2, {6})}));
  EXPECT_EQ(stream.Read().predict().mu().values(0), 6);
  EXPECT_EQ(server.engine().rows_seen(), 1);
}

TEST(StreamTest, AFullQueueRefusesWithRetryInfo) {
  FakeModelServer::Options options;
  options.batching.concurrency = 1;
  options.batching.max_queue_rows = 1;
  FakeModelServer server(options);
  TestStream stream(server);
  server.engine().Block();
  ASSERT_TRUE(stream.Write({Predict(1, {1})}));
  server.engine().WaitUntilBlocked();
  ASSERT_TRUE(stream.Write({Predict(2, {1, 2})}));
  const google::rpc::Status error = ErrorOf(stream, 2);
  EXPECT_EQ(error.code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  google::rpc::RetryInfo retry;
  ASSERT_EQ(error.details_size(), 1);
  ASSERT_TRUE(error.details(0).UnpackTo(&retry));
  EXPECT_GT(retry.retry_delay().nanos(), 0);
  EXPECT_EQ(server.server().rpc_metrics().rejected(Rejection::kQueueFull), 1);
  server.engine().Release();
  EXPECT_EQ(stream.Read().id(), 1u);
}

TEST(StreamTest, WhatACancelledStreamHadWaitingIsNotEvaluated) {
  FakeModelServer::Options options;
  options.batching.concurrency = 1;
  FakeModelServer server(options);
  server.engine().Block();
  TestStream stream(server);
  ASSERT_TRUE(stream.Write({Predict(1, {1})}));
  server.engine().WaitUntilBlocked();
  ASSERT_TRUE(stream.Write({Predict(2, {2}), Predict(3, {3})}));
  while (server.batcher().queued_rows() != 2) std::this_thread::yield();
  stream.Cancel();
  EXPECT_EQ(stream.Finish().error_code(), grpc::StatusCode::CANCELLED);
  while (server.batcher().queued_rows() != 0) std::this_thread::yield();
  server.engine().Release();
  server.server().Drain();
  EXPECT_EQ(server.engine().rows_seen(), 1);
}

TEST(StreamTest, ADrainAnswersWhatWasReadAndEndsTheStream) {
  FakeModelServer server;
  server.engine().Block();
  TestStream stream(server);
  ASSERT_TRUE(stream.Write({Predict(1, {1}), Predict(2, {2})}));
  server.engine().WaitUntilBlocked();
  auto drain = std::async(std::launch::async, [&] { server.server().Drain(); });
  grpc::Status refused;
  do {
    TestStream late(server);
    late.CloseWriting();
    refused = late.Finish();
  } while (refused.ok());
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::UNAVAILABLE);
  server.engine().Release();
  std::set<uint64_t> ids = {stream.Read().id(), stream.Read().id()};
  EXPECT_EQ(ids, (std::set<uint64_t>{1, 2}));
  const grpc::Status status = stream.Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(status.error_message(), "the server is draining");
  drain.get();
}

TEST(StreamTest, AnIdleStreamDoesNotHoldTheDrain) {
  FakeModelServer server;
  TestStream stream(server);
  ASSERT_TRUE(stream.Write({Predict(1, {1})}));
  EXPECT_EQ(stream.Read().id(), 1u);
  server.server().Drain();
  EXPECT_EQ(stream.Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST(StreamTest, AMessageThatCannotBeParsedEndsTheStream) {
  FakeModelServer server;
  grpc::ClientContext context;
  grpc::CompletionQueue queue;
  grpc::GenericStub stub(server.Channel());
  auto call = stub.PrepareCall(&context, "/mdn.v1.MdnService/Stream", &queue);
  const auto await = [&] {
    void* tag = nullptr;
    bool ok = false;
    EXPECT_TRUE(queue.Next(&tag, &ok));
    return ok;
  };
  call->StartCall(nullptr);
  EXPECT_TRUE(await());
  const grpc::Slice slice("\x0A\xFF\xFF\xFF\x7F");
  call->Write(grpc::ByteBuffer(&slice, 1), nullptr);
  await();
  grpc::Status status;
  call->Finish(&status, nullptr);
  await();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(status.error_message(), "a message of the stream cannot be parsed");
}

TEST(StreamTest, AMessageOfNothingButEmptyRequestsIsAnsweredInFull) {
  FakeModelServer server;
  TestStream stream(server);
  constexpr int kRequests = 200'000;
  auto reading = std::async(std::launch::async, [&] {
    int errors = 0;
    for (int i = 0; i < kRequests; ++i) errors += stream.Read().has_error() ? 1 : 0;
    return errors;
  });
  ASSERT_TRUE(stream.Write(std::vector<v1::StreamedRequest>(kRequests)));
  EXPECT_EQ(reading.get(), kRequests);
}

TEST(StreamTest, OneStreamDoesNotFillTheQueue) {
  FakeModelServer::Options options;
  options.batching.concurrency = 1;
  options.batching.max_batch_rows = options.server.limits.max_batch_rows = 8;
  FakeModelServer server(options);
  server.engine().Block();
  TestStream stream(server);
  auto writing = std::async(std::launch::async, [&] {
    for (int i = 0; i < 100; ++i) {
      if (!stream.Write(std::vector<v1::StreamedRequest>(100, Predict(i, {1})))) return false;
    }
    stream.CloseWriting();
    return true;
  });
  server.engine().WaitUntilBlocked();
  while (server.batcher().queued_rows() + server.engine().calls()[0].rows < 32) {
    std::this_thread::yield();
  }
  grpc::ClientContext context;
  v1::PredictRequest request;
  v1::PredictResponse response;
  *request.mutable_x() = Column({9});
  auto call = std::async(std::launch::async,
                         [&] { return server.stub().Predict(&context, request, &response); });
  while (server.batcher().queued_rows() + server.engine().calls()[0].rows < 33) {
    std::this_thread::yield();
  }
  EXPECT_EQ(server.batcher().queued_rows() + server.engine().calls()[0].rows, 33);
  server.engine().Release();
  EXPECT_TRUE(call.get().ok());
  for (int i = 0; i < 100 * 100; ++i) EXPECT_TRUE(stream.Read().has_predict());
  EXPECT_TRUE(writing.get());
  EXPECT_TRUE(stream.Finish().ok());
}

TEST(StreamTest, ACallerThatDoesNotReadIsNotServedOnAndOn) {
  FakeModelServer server;
  TestStream stream(server);
  v1::StreamedRequest request;
  *request.mutable_sample() = SampleOf({1}, 16'000);
  request.mutable_sample()->set_return_components(false);
  constexpr int kRequests = 2000;  // 64 kB each to answer.
  auto writing = std::async(std::launch::async, [&] {
    for (int i = 0; i < kRequests; ++i) {
      if (!stream.Write({request})) return false;
    }
    stream.CloseWriting();
    return true;
  });
  EXPECT_TRUE(Await([&] { return server.engine().rows_seen() > 0; }));
  // Until nothing has moved for a while.
  int64_t served = -1;
  while (served != server.engine().rows_seen()) {
    served = server.engine().rows_seen();
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
  }
  // 4 MiB in the server's window, and what the connection's own buffers hold.
  EXPECT_GT(served, 0);
  EXPECT_LT(served, 250);
  int answers = 0;
  while (answers < kRequests && stream.Read().sample().samples().values_size() == 16'000) ++answers;
  EXPECT_EQ(answers, kRequests);
  EXPECT_TRUE(writing.get());
  const grpc::Status status = stream.Finish();
  EXPECT_TRUE(status.ok()) << status.error_code() << status.error_message();
}

TEST(StreamTest, ItsDeadlineEndsTheStream) {
  FakeModelServer server;
  server.engine().Block();
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(100));
  auto call = server.stub().Stream(&context);
  v1::StreamRequest message;
  *message.add_requests() = Predict(1, {1});
  call->Write(message);
  v1::StreamResponse response;
  EXPECT_FALSE(call->Read(&response));
  EXPECT_EQ(call->Finish().error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  server.engine().Release();
}

}  // namespace
}  // namespace mdn

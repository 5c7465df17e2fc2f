#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "google/rpc/error_details.pb.h"
#include "tests/integration/fake_model_server.h"

namespace mdn {
namespace {

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
      EXPECT_TRUE(stream_->Read(&message_));
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

}  // namespace
}  // namespace mdn

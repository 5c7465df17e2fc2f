#include "client/streamed_answer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/status/status.h"

namespace mdn::client_internal {
namespace {

using ::testing::ElementsAre;

constexpr int64_t kManyBytes = 1 << 20;

v1::StreamedResponse Part(std::initializer_list<float> samples) {
  v1::StreamedResponse part;
  v1::SampleResponse& response = *part.mutable_sample();
  response.mutable_samples()->mutable_values()->Add(samples.begin(), samples.end());
  for (size_t i = 0; i < samples.size(); ++i) response.add_components(1);
  return part;
}

TEST(StreamedAnswerTest, JoinsThePartsInOrder) {
  StreamedAnswer answer;
  EXPECT_TRUE(answer.Add(Part({1, 2}), kManyBytes).ok());
  EXPECT_FALSE(answer.in_parts());
  EXPECT_TRUE(answer.Add(Part({3}), kManyBytes).ok());
  EXPECT_TRUE(answer.in_parts());
  EXPECT_THAT(answer.response().sample().samples().values(), ElementsAre(1, 2, 3));
  EXPECT_EQ(answer.response().sample().components_size(), 3);
}

TEST(StreamedAnswerTest, JoinsRawNumbersToo) {
  StreamedAnswer answer;
  for (const char* raw : {"abcd", "efgh"}) {
    v1::StreamedResponse part;
    part.mutable_log_likelihood()->mutable_log_likelihood()->set_raw(raw);
    EXPECT_TRUE(answer.Add(part, kManyBytes).ok());
  }
  EXPECT_EQ(answer.response().log_likelihood().log_likelihood().raw(), "abcdefgh");
}

TEST(StreamedAnswerTest, AnErrorEndsIt) {
  StreamedAnswer answer;
  EXPECT_TRUE(answer.Add(Part({1}), kManyBytes).ok());
  v1::StreamedResponse error;
  error.mutable_error()->set_code(4);
  error.mutable_error()->set_message("too late");
  EXPECT_EQ(answer.Add(error, kManyBytes), absl::DeadlineExceededError("too late"));
}

TEST(StreamedAnswerTest, AnErrorWithoutACodeIsAnErrorToo) {
  StreamedAnswer answer;
  v1::StreamedResponse error;
  error.mutable_error();
  EXPECT_EQ(answer.Add(error, kManyBytes).code(), absl::StatusCode::kInternal);
}

TEST(StreamedAnswerTest, RefusesPartsOfDifferentKinds) {
  StreamedAnswer answer;
  EXPECT_TRUE(answer.Add(Part({1}), kManyBytes).ok());
  v1::StreamedResponse other;
  other.mutable_predict();
  EXPECT_EQ(answer.Add(other, kManyBytes).code(), absl::StatusCode::kInternal);
}

TEST(StreamedAnswerTest, BoundsWhatThePartsTakeTogether) {
  StreamedAnswer answer;
  const auto bytes = static_cast<int64_t>(Part({1, 2, 3}).ByteSizeLong());
  EXPECT_TRUE(answer.Add(Part({1, 2, 3}), 2 * bytes - 1).ok());
  const absl::Status status = answer.Add(Part({1, 2, 3}), 2 * bytes - 1);
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
}

}  // namespace
}  // namespace mdn::client_internal

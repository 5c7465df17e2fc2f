#include "server/rpc/status.h"

#include <gtest/gtest.h>

#include <string>

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace mdn {
namespace {

TEST(ToGrpcStatusTest, KeepsCodeAndMessage) {
  grpc::ServerContext context;
  EXPECT_TRUE(ToGrpcStatus(absl::OkStatus(), context).ok());
  const grpc::Status status = ToGrpcStatus(absl::NotFoundError("no such model"), context);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(status.error_message(), "no such model");
  EXPECT_TRUE(status.error_details().empty());
}

TEST(ToGrpcStatusTest, TellsWhenToRetryWhereTheServerIsBusy) {
  grpc::ServerContext context;
  const grpc::Status status = ToGrpcStatus(absl::ResourceExhaustedError("full"), context);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  google::rpc::Status details;
  google::rpc::RetryInfo retry;
  ASSERT_TRUE(details.ParseFromString(status.error_details()));
  EXPECT_EQ(details.code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  ASSERT_EQ(details.details_size(), 1);
  ASSERT_TRUE(details.details(0).UnpackTo(&retry));
  EXPECT_EQ(retry.retry_delay().nanos(), 50'000'000);
}

TEST(ToGrpcStatusTest, CutsLongMessagesBetweenCharacters) {
  grpc::ServerContext context;
  std::string message;
  while (message.size() < 4000) message += "σ";  // Two bytes.
  const std::string cut = ToGrpcStatus(absl::InternalError("x" + message), context).error_message();
  EXPECT_LE(cut.size(), 1024u);
  EXPECT_EQ(cut, "x" + message.substr(0, cut.size() - 4) + "...");
}

}  // namespace
}  // namespace mdn

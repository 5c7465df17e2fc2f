#include "server/observability/rpc_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mdn {
namespace {

using std::chrono::microseconds;
using ::testing::ElementsAre;

constexpr RpcMethod kPredict{"mdn.v1.MdnService", "Predict"};

TEST(RpcMetricsTest, CountsCallsByTheirOutcome) {
  RpcMetrics metrics;
  MethodMetrics& predict = metrics.Of(kPredict);
  for (int i = 0; i < 4; ++i) predict.Started();
  predict.Handled(absl::OkStatus(), microseconds(3));
  predict.Handled(absl::OkStatus(), microseconds(7));
  predict.Handled(absl::InvalidArgumentError("x"), microseconds(1));
  EXPECT_EQ(predict.started(), 4);
  EXPECT_EQ(predict.handled(absl::StatusCode::kOk), 2);
  EXPECT_EQ(predict.handled(absl::StatusCode::kInvalidArgument), 1);
  EXPECT_EQ(predict.handled(absl::StatusCode::kUnauthenticated), 0);
  EXPECT_EQ(predict.handling_time().Read().sum, 11'000);
}

TEST(RpcMetricsTest, CountsWhatWasRejectedByReasonForAllMethods) {
  RpcMetrics metrics;
  const absl::Status full = Rejected(Rejection::kQueueFull, absl::ResourceExhaustedError("full"));
  metrics.Of(kPredict).Handled(full, microseconds(1));
  metrics.Of({"mdn.v1.MdnService", "Sample"}).Handled(full, microseconds(1));
  metrics.Of(kPredict).Handled(absl::ResourceExhaustedError("for another reason"), microseconds(1));
  EXPECT_EQ(metrics.rejected(Rejection::kQueueFull), 2);
  EXPECT_EQ(metrics.rejected(Rejection::kDraining), 0);
}

TEST(RpcMetricsTest, TellsMethodsApartByServiceAndName) {
  RpcMetrics metrics;
  MethodMetrics& predict = metrics.Of(kPredict);
  MethodMetrics& other = metrics.Of({"other.Service", "Predict", "bidi_stream"});
  EXPECT_NE(&predict, &other);
  EXPECT_EQ(&metrics.Of(kPredict), &predict);
  EXPECT_THAT(metrics.All(), ElementsAre(&predict, &other));
  EXPECT_EQ(predict.type(), "unary");
  EXPECT_EQ(other.type(), "bidi_stream");
}

TEST(RpcMetricsTest, TakesCodesThatDoNotExistAsUnknown) {
  RpcMetrics metrics;
  metrics.Of(kPredict).Handled(absl::Status(static_cast<absl::StatusCode>(99), "?"),
                               microseconds(1));
  EXPECT_EQ(metrics.Of(kPredict).handled(absl::StatusCode::kUnknown), 1);
}

}  // namespace
}  // namespace mdn

#include "client/load/workload.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

namespace mdn::load {
namespace {

using testing::ElementsAre;

std::string Bytes(const grpc::ByteBuffer& buffer) {
  grpc::Slice slice;
  EXPECT_TRUE(buffer.DumpToSingleSlice(&slice).ok());
  return {reinterpret_cast<const char*>(slice.begin()), slice.size()};
}

template <class Request>
Request First(const Workload& workload) {
  Request request;
  EXPECT_TRUE(request.ParseFromString(Bytes(MakeRequests(workload, 1, 0).front())));
  return request;
}

Workload ThreeRows(Rpc rpc) {
  Workload workload;
  workload.rpc = rpc;
  workload.model.set_name("m");
  workload.model.set_version(3);
  workload.dim_in = 5;
  workload.dim_out = 2;
  workload.rows = 3;
  workload.num_samples = 7;
  return workload;
}

void ExpectFinite(const v1::Tensor& tensor, int count) {
  ASSERT_EQ(tensor.values_size(), count);
  for (const float value : tensor.values()) {
    EXPECT_GE(value, -3);
    EXPECT_LT(value, 3);
  }
}

TEST(WorkloadTest, NamesTheMethod) {
  EXPECT_EQ(MethodName(Rpc::kPredict), "/mdn.v1.MdnService/Predict");
  EXPECT_EQ(MethodName(Rpc::kSample), "/mdn.v1.MdnService/Sample");
  EXPECT_EQ(MethodName(Rpc::kLogLikelihood), "/mdn.v1.MdnService/LogLikelihood");
}

TEST(WorkloadTest, MakesPredictRequests) {
  const auto request = First<v1::PredictRequest>(ThreeRows(Rpc::kPredict));

  EXPECT_EQ(request.model().name(), "m");
  EXPECT_EQ(request.model().version(), 3);
  EXPECT_THAT(request.x().shape(), ElementsAre(3, 5));
  ExpectFinite(request.x(), 15);
}

TEST(WorkloadTest, MakesSampleRequestsWithoutSeed) {
  const auto request = First<v1::SampleRequest>(ThreeRows(Rpc::kSample));

  EXPECT_THAT(request.x().shape(), ElementsAre(3, 5));
  EXPECT_EQ(request.num_samples(), 7);
  EXPECT_FALSE(request.has_seed());
}

TEST(WorkloadTest, MakesLogLikelihoodRequestsWithOneYForEachX) {
  const auto request = First<v1::LogLikelihoodRequest>(ThreeRows(Rpc::kLogLikelihood));

  EXPECT_THAT(request.x().shape(), ElementsAre(3, 5));
  EXPECT_THAT(request.y().shape(), ElementsAre(3, 2));
  ExpectFinite(request.y(), 6);
}

TEST(WorkloadTest, GivesDifferentRequestsAndTheSameForTheSameSeed) {
  const Workload workload = ThreeRows(Rpc::kPredict);
  const auto requests = MakeRequests(workload, 2, 1);

  EXPECT_NE(Bytes(requests[0]), Bytes(requests[1]));
  EXPECT_EQ(Bytes(requests[0]), Bytes(MakeRequests(workload, 2, 1)[0]));
  EXPECT_NE(Bytes(requests[0]), Bytes(MakeRequests(workload, 2, 2)[0]));
}

}  // namespace
}  // namespace mdn::load

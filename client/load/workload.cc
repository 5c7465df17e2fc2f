#include "client/load/workload.h"

#include <google/protobuf/message_lite.h>
#include <grpcpp/support/slice.h>

#include <cmath>
#include <random>

namespace mdn::load {
namespace {

constexpr float kRange = 3;

void Fill(int64_t rows, int64_t columns, std::mt19937_64& random, v1::Tensor& tensor) {
  tensor.add_shape(rows);
  tensor.add_shape(columns);
  tensor.mutable_values()->Reserve(static_cast<int>(rows * columns));
  for (int64_t i = 0; i < rows * columns; ++i) {
    const float uniform = std::ldexp(static_cast<float>(random() >> 40), -24);
    tensor.add_values((2 * uniform - 1) * kRange);
  }
}

grpc::ByteBuffer Written(const google::protobuf::MessageLite& message) {
  const grpc::Slice slice(message.SerializeAsString());
  return {&slice, 1};
}

template <class Request>
Request WithRows(const Workload& workload, std::mt19937_64& random) {
  Request request;
  *request.mutable_model() = workload.model;
  Fill(workload.rows, workload.dim_in, random, *request.mutable_x());
  return request;
}

grpc::ByteBuffer MakeRequest(const Workload& workload, std::mt19937_64& random) {
  switch (workload.rpc) {
    case Rpc::kSample: {
      auto request = WithRows<v1::SampleRequest>(workload, random);
      request.set_num_samples(workload.num_samples);
      return Written(request);
    }
    case Rpc::kLogLikelihood: {
      auto request = WithRows<v1::LogLikelihoodRequest>(workload, random);
      Fill(workload.rows, workload.dim_out, random, *request.mutable_y());
      return Written(request);
    }
    default:
      return Written(WithRows<v1::PredictRequest>(workload, random));
  }
}

}  // namespace

std::string MethodName(Rpc rpc) {
  const std::string service = "/mdn.v1.MdnService/";
  if (rpc == Rpc::kSample) return service + "Sample";
  return service + (rpc == Rpc::kLogLikelihood ? "LogLikelihood" : "Predict");
}

std::vector<grpc::ByteBuffer> MakeRequests(const Workload& workload, int count, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<grpc::ByteBuffer> requests;
  requests.reserve(count);
  for (int i = 0; i < count; ++i) requests.push_back(MakeRequest(workload, random));
  return requests;
}

}  // namespace mdn::load

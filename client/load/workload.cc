#include "client/load/workload.h"

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

template <class Request>
Request WithRows(const Workload& workload, std::mt19937_64& random) {
  Request request;
  *request.mutable_model() = workload.model;
  Fill(workload.rows, workload.dim_in, random, *request.mutable_x());
  return request;
}

v1::SampleRequest MakeSample(const Workload& workload, std::mt19937_64& random) {
  auto request = WithRows<v1::SampleRequest>(workload, random);
  request.set_num_samples(workload.num_samples);
  return request;
}

v1::LogLikelihoodRequest MakeLogLikelihood(const Workload& workload, std::mt19937_64& random) {
  auto request = WithRows<v1::LogLikelihoodRequest>(workload, random);
  Fill(workload.rows, workload.dim_out, random, *request.mutable_y());
  return request;
}

std::string MakeRequest(const Workload& workload, std::mt19937_64& random) {
  switch (workload.rpc) {
    case Rpc::kSample:
      return MakeSample(workload, random).SerializeAsString();
    case Rpc::kLogLikelihood:
      return MakeLogLikelihood(workload, random).SerializeAsString();
    default:
      return WithRows<v1::PredictRequest>(workload, random).SerializeAsString();
  }
}

std::string MakeStreamedRequest(const Workload& workload, std::chrono::nanoseconds timeout,
                                std::mt19937_64& random) {
  v1::StreamedRequest streamed;
  // At least what gives an answer at all.
  streamed.set_timeout_ms(static_cast<uint32_t>(timeout / std::chrono::milliseconds(1) + 1));
  switch (workload.rpc) {
    case Rpc::kSample:
      *streamed.mutable_sample() = MakeSample(workload, random);
      break;
    case Rpc::kLogLikelihood:
      *streamed.mutable_log_likelihood() = MakeLogLikelihood(workload, random);
      break;
    default:
      *streamed.mutable_predict() = WithRows<v1::PredictRequest>(workload, random);
  }
  return streamed.SerializeAsString();
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
  for (int i = 0; i < count; ++i) {
    const grpc::Slice slice(MakeRequest(workload, random));
    requests.emplace_back(&slice, 1);
  }
  return requests;
}

std::vector<std::string> MakeStreamedRequests(const Workload& workload, int count,
                                              std::chrono::nanoseconds timeout, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<std::string> requests;
  requests.reserve(count);
  for (int i = 0; i < count; ++i) {
    requests.push_back(MakeStreamedRequest(workload, timeout, random));
  }
  return requests;
}

}  // namespace mdn::load

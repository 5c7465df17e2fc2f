#ifndef MDN_CLIENT_LOAD_WORKLOAD_H_
#define MDN_CLIENT_LOAD_WORKLOAD_H_

#include <grpcpp/support/byte_buffer.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "mdn/v1/mdn.pb.h"

namespace mdn::load {

enum class Rpc { kPredict, kSample, kLogLikelihood };

/// What every request of a load asks for.
struct Workload {
  Rpc rpc = Rpc::kPredict;
  v1::ModelSpec model;
  /// The model's, by GetModel.
  int64_t dim_in = 1;
  int64_t dim_out = 1;
  /// Rows of x in a request.
  int64_t rows = 1;
  /// Samples of each row; kSample only.
  int64_t num_samples = 1;
};

/// Different requests that take turns.
constexpr int kDifferentRequests = 64;

/// "/mdn.v1.MdnService/Predict".
std::string MethodName(Rpc rpc);

/// `count` requests as they go over the wire: the work of writing them is not the load's. x, and y,
/// are evenly distributed over [-3, 3); the same for the same seed.
std::vector<grpc::ByteBuffer> MakeRequests(const Workload& workload, int count, uint64_t seed);

/// The same, each as the bytes of a StreamedRequest without its id.
std::vector<std::string> MakeStreamedRequests(const Workload& workload, int count,
                                              std::chrono::nanoseconds timeout, uint64_t seed);

}  // namespace mdn::load

#endif  // MDN_CLIENT_LOAD_WORKLOAD_H_

#ifndef MDN_TESTS_BENCHMARKS_SERVING_PEERS_ECHO_ANSWERS_H_
#define MDN_TESTS_BENCHMARKS_SERVING_PEERS_ECHO_ANSWERS_H_

#include <cstdint>
#include <string>

#include "mdn/v1/mdn.pb.h"

namespace mdn {

/// The model that an echo passes itself off as.
struct EchoModel {
  std::string name;
  int64_t dim_in = 1;
  int64_t components = 1;
  int64_t dims = 1;
};

// Answers of the same size as a server's, without a model: every number is the same. x must have
// the shape [rows, dim_in].
void Echo(const EchoModel& model, const v1::PredictRequest& request, v1::PredictResponse& response);
void Echo(const EchoModel& model, const v1::SampleRequest& request, v1::SampleResponse& response);
void Echo(const EchoModel& model, const v1::LogLikelihoodRequest& request,
          v1::LogLikelihoodResponse& response);
void Echo(const EchoModel& model, const v1::GetModelRequest& request, v1::ModelInfo& response);

}  // namespace mdn

#endif  // MDN_TESTS_BENCHMARKS_SERVING_PEERS_ECHO_ANSWERS_H_

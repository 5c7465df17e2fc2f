#ifndef MDN_TESTS_BENCHMARKS_SERVING_PEERS_TORCH_ANSWERS_H_
#define MDN_TESTS_BENCHMARKS_SERVING_PEERS_TORCH_ANSWERS_H_

#include <memory>
#include <string>

#include "mdn/v1/mdn.pb.h"

namespace mdn {

/// A TorchScript mixture density network, evaluated once per request on the thread that asks, as
/// LibTorch's documentation shows it: loaded, frozen, in inference mode, with one thread.
/// Thread-safe.
class TorchAnswers {
 public:
  explicit TorchAnswers(const std::string& path);
  ~TorchAnswers();

  /// x has the shape [rows, dim_in].
  void Predict(const v1::PredictRequest& request, v1::PredictResponse& response) const;
  void Sample(const v1::SampleRequest& request, v1::SampleResponse& response) const;
  void LogLikelihood(const v1::LogLikelihoodRequest& request,
                     v1::LogLikelihoodResponse& response) const;
  void GetModel(v1::ModelInfo& response) const;

 private:
  struct Network;
  const std::unique_ptr<Network> network_;
};

}  // namespace mdn

#endif  // MDN_TESTS_BENCHMARKS_SERVING_PEERS_TORCH_ANSWERS_H_

#ifndef MDN_TESTS_MODEL_TRAIN_GRADIENT_CASES_H_
#define MDN_TESTS_MODEL_TRAIN_GRADIENT_CASES_H_

#include <map>
#include <ostream>
#include <string>
#include <vector>

#include "model/checkpoint/checkpoint.h"
#include "model/checkpoint/model_config.h"

namespace mdn {

/// A network with its losses and gradients by PyTorch, out of tests/data/gradients.json.
struct GradientCase {
  ModelConfig config;
  std::map<std::string, Tensor> tensors;
  Tensor x, y;
  /// Normalised, of each row, in float64.
  std::vector<double> loss;
  /// Of the mean loss.
  std::map<std::string, std::vector<double>> gradients, gradients_float32;
};

std::vector<GradientCase> GradientCases();
/// "full_4_3": noise type, components, dimensions.
std::string NameOf(const GradientCase& golden);
void PrintTo(const GradientCase& golden, std::ostream* out);

}  // namespace mdn

#endif  // MDN_TESTS_MODEL_TRAIN_GRADIENT_CASES_H_

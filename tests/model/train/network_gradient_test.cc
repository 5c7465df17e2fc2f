#include <gtest/gtest.h>
#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "model/train/network.h"
#include "tests/model/train/gradient_cases.h"

namespace mdn {
namespace {

torch::Tensor ToTorch(const Tensor& tensor, torch::Dtype type) {
  return torch::tensor(tensor.values).reshape(tensor.shape).to(type);
}

class NetworkGradientTest : public ::testing::TestWithParam<GradientCase> {
 protected:
  static MixtureDensityNetwork Network(torch::Dtype type) {
    MixtureDensityNetwork network(GetParam().config);
    network->SetTensors(GetParam().tensors);
    network->to(type);
    return network;
  }

  static torch::Tensor Loss(MixtureDensityNetwork& network, torch::Dtype type) {
    return network->loss(ToTorch(GetParam().x, type), ToTorch(GetParam().y, type));
  }

  static std::vector<double> GradientOf(const torch::Tensor& parameter) {
    const torch::Tensor gradient = parameter.grad().to(torch::kDouble).contiguous();
    return {gradient.data_ptr<double>(), gradient.data_ptr<double>() + gradient.numel()};
  }
};

INSTANTIATE_TEST_SUITE_P(EveryNoiseModel, NetworkGradientTest, ::testing::ValuesIn(GradientCases()),
                         [](const auto& info) { return NameOf(info.param); });

TEST_P(NetworkGradientTest, LossIsPyTorchsNegativeLogProbability) {
  MixtureDensityNetwork network = Network(torch::kDouble);
  const torch::Tensor loss = Loss(network, torch::kDouble);
  ASSERT_EQ(loss.numel(), GetParam().loss.size());
  for (int64_t row = 0; row < loss.numel(); ++row) {
    const double expected = GetParam().loss[row];
    EXPECT_NEAR(loss[row].item<double>(), expected, 1e-10 * (1 + std::abs(expected))) << row;
  }
}

TEST_P(NetworkGradientTest, GradientsAreAutogradsInDouble) {
  MixtureDensityNetwork network = Network(torch::kDouble);
  Loss(network, torch::kDouble).mean().backward();
  for (const auto& item : network->named_parameters()) {
    const std::vector<double>& expected = GetParam().gradients.at(item.key());
    const std::vector<double> gradient = GradientOf(item.value());
    ASSERT_EQ(gradient.size(), expected.size()) << item.key();
    for (size_t i = 0; i < expected.size(); ++i) {
      EXPECT_NEAR(gradient[i], expected[i], 1e-9 * (1 + std::abs(expected[i]))) << item.key();
    }
  }
}

// In float32: the error against float64 is at most four times PyTorch's own, or a few roundings of
// the largest entry, whichever is more.
TEST_P(NetworkGradientTest, GradientsInSingleAreAsExactAsPyTorchs) {
  MixtureDensityNetwork network = Network(torch::kFloat);
  Loss(network, torch::kFloat).mean().backward();
  for (const auto& item : network->named_parameters()) {
    const std::vector<double>& expected = GetParam().gradients.at(item.key());
    const std::vector<double>& single = GetParam().gradients_float32.at(item.key());
    const std::vector<double> gradient = GradientOf(item.value());
    double error = 0, own_error = 0, largest = 0;
    for (size_t i = 0; i < expected.size(); ++i) {
      error = std::max(error, std::abs(gradient[i] - expected[i]));
      own_error = std::max(own_error, std::abs(single[i] - expected[i]));
      largest = std::max(largest, std::abs(expected[i]));
    }
    EXPECT_LE(error, std::max(4 * own_error, 4e-7 * largest)) << item.key();
  }
}

TEST_P(NetworkGradientTest, GradientsAreThoseOfFiniteDifferences) {
  constexpr double kStep = 1e-5;
  MixtureDensityNetwork network = Network(torch::kDouble);
  Loss(network, torch::kDouble).mean().backward();
  const torch::NoGradGuard no_gradient;
  for (const auto& item : network->named_parameters()) {
    const std::vector<double> gradient = GradientOf(item.value());
    double* values = item.value().data_ptr<double>();
    for (size_t i = 0; i < gradient.size(); ++i) {
      const double middle = values[i];
      values[i] = middle + kStep;
      const double above = Loss(network, torch::kDouble).mean().item<double>();
      values[i] = middle - kStep;
      const double below = Loss(network, torch::kDouble).mean().item<double>();
      values[i] = middle;
      // Where a hidden unit's input is within a step of 0 the loss has a corner; none here is.
      EXPECT_NEAR(gradient[i], (above - below) / (2 * kStep), 1e-6 * (1 + std::abs(gradient[i])))
          << item.key() << " " << i;
    }
  }
}

}  // namespace
}  // namespace mdn

#include "model/train/network.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <map>
#include <string>
#include <vector>

#include "model/engine/torch/torch_engine.h"
#include "tests/model/train/gradient_cases.h"

namespace mdn {
namespace {

using ::testing::HasSubstr;

ModelConfig ConfigOf(NoiseType noise_type, int64_t dim_out = 2) {
  ModelConfig config;
  config.dim_in = 3;
  config.dim_out = dim_out;
  config.n_components = 4;
  config.hidden_dim = 8;
  config.noise_type = noise_type;
  config.fixed_noise_level = 0.3;
  return config;
}

MixtureDensityNetwork NetworkOf(const ModelConfig& config) {
  torch::manual_seed(1);
  return MixtureDensityNetwork(config);
}

template <typename Function>
std::string ErrorOf(const Function& function) {
  try {
    function();
  } catch (const c10::Error& error) {
    return error.what_without_backtrace();
  }
  return "no error";
}

void ExpectNear(const torch::Tensor& actual, const std::vector<float>& expected, const char* what) {
  ASSERT_EQ(actual.numel(), expected.size()) << what;
  const torch::Tensor wanted = torch::tensor(expected).reshape(actual.sizes());
  EXPECT_TRUE(torch::allclose(actual, wanted, 1e-5, 1e-6)) << what << actual << wanted;
}

bool HasFiniteGradients(const torch::nn::Module& module) {
  for (const auto& parameter : module.parameters()) {
    if (parameter.grad().defined() && !parameter.grad().isfinite().all().item<bool>()) return false;
  }
  return true;
}

TEST(NetworkTest, NamesItsParametersAsTheReferenceDoes) {
  std::vector<std::string> names;
  for (const auto& item : NetworkOf(ConfigOf(NoiseType::kDiagonal))->named_parameters()) {
    names.push_back(item.key());
  }
  EXPECT_EQ(names,
            (std::vector<std::string>{
                "pi_network.0.weight", "pi_network.0.bias", "pi_network.2.weight",
                "pi_network.2.bias", "pi_network.4.weight", "pi_network.4.bias",
                "normal_network.0.weight", "normal_network.0.bias", "normal_network.2.weight",
                "normal_network.2.bias", "normal_network.4.weight", "normal_network.4.bias"}));
}

class ForwardTest : public ::testing::TestWithParam<GradientCase> {};

INSTANTIATE_TEST_SUITE_P(EveryNoiseModel, ForwardTest, ::testing::ValuesIn(GradientCases()),
                         [](const auto& info) { return NameOf(info.param); });

TEST_P(ForwardTest, IsTheMixtureThatTheEngineServes) {
  Checkpoint checkpoint;
  checkpoint.config = GetParam().config;
  checkpoint.tensors = GetParam().tensors;
  const auto engine = MakeTorchEngine(checkpoint);
  ASSERT_TRUE(engine.ok()) << engine.status();
  const Tensor& x = GetParam().x;
  Mixture served;
  ASSERT_TRUE((*engine)->Evaluate(x.values, x.shape[0], served).ok());

  MixtureDensityNetwork network(GetParam().config);
  network->SetTensors(GetParam().tensors);
  const MixtureTensors mixture = network->forward(torch::tensor(x.values).reshape(x.shape));
  ExpectNear(mixture.log_pi, served.log_pi, "log_pi");
  ExpectNear(mixture.mu, served.mu, "mu");
  ExpectNear(mixture.sigma, served.sigma, "sigma");
  EXPECT_EQ(mixture.scale_tril.defined(), !served.scale_tril.empty());
  if (mixture.scale_tril.defined()) {
    ExpectNear(mixture.scale_tril, served.scale_tril, "scale_tril");
  }
}

TEST_P(ForwardTest, SamplesAreTheServers) {
  Checkpoint checkpoint;
  checkpoint.config = GetParam().config;
  checkpoint.tensors = GetParam().tensors;
  const auto engine = MakeTorchEngine(checkpoint);
  ASSERT_TRUE(engine.ok()) << engine.status();
  const Tensor& x = GetParam().x;
  Mixture served;
  ASSERT_TRUE((*engine)->Evaluate(x.values, x.shape[0], served).ok());
  const int64_t dims = GetParam().config.dim_out, rows = x.shape[0];
  constexpr int64_t kSamples = 20;
  SamplingOptions options;
  options.seed = 7;
  std::vector<float> drawn(rows * kSamples * dims);
  for (int64_t row = 0; row < rows; ++row) {
    DrawSamples(served.Row(row), options, row,
                absl::MakeSpan(drawn).subspan(row * kSamples * dims, kSamples * dims), {});
  }
  MixtureDensityNetwork network(GetParam().config);
  network->SetTensors(GetParam().tensors);
  const torch::Tensor samples =
      network->sample(torch::tensor(x.values).reshape(x.shape), kSamples, options);
  EXPECT_EQ(samples.sizes(), (std::vector<int64_t>{rows, kSamples, dims}));
  ExpectNear(samples, drawn, "samples");
}

TEST(NetworkTest, KeepsLeadingDimensions) {
  MixtureDensityNetwork network = NetworkOf(ConfigOf(NoiseType::kFull));
  const torch::Tensor x = torch::randn({2, 5, 3}), y = torch::randn({2, 5, 2});
  const MixtureTensors mixture = network->forward(x);
  EXPECT_EQ(mixture.log_pi.sizes(), (std::vector<int64_t>{2, 5, 4}));
  EXPECT_EQ(mixture.mu.sizes(), (std::vector<int64_t>{2, 5, 4, 2}));
  EXPECT_EQ(mixture.sigma.sizes(), (std::vector<int64_t>{2, 5, 4, 2}));
  EXPECT_EQ(mixture.scale_tril.sizes(), (std::vector<int64_t>{2, 5, 4, 2, 2}));
  const torch::Tensor loss = network->loss(x, y);
  EXPECT_EQ(loss.sizes(), (std::vector<int64_t>{2, 5}));
  EXPECT_TRUE(torch::allclose(loss[1][2], network->loss(x[1][2], y[1][2])));
  EXPECT_EQ(network->loss(x[1][2], y[1][2]).dim(), 0);
  EXPECT_EQ(network->sample(x, 6, {}).sizes(), (std::vector<int64_t>{2, 5, 6, 2}));
}

TEST(NetworkTest, TakesAnyRankAndNoRowsAtAll) {
  MixtureDensityNetwork network = NetworkOf(ConfigOf(NoiseType::kFull));
  for (const std::vector<int64_t>& leading :
       {std::vector<int64_t>{}, {0}, {4, 0}, {2, 1, 3, 2, 1}}) {
    auto with = [&leading](std::initializer_list<int64_t> last) {
      std::vector<int64_t> sizes = leading;
      sizes.insert(sizes.end(), last);
      return sizes;
    };
    const torch::Tensor x = torch::randn(with({3})), y = torch::randn(with({2}));
    EXPECT_EQ(network->forward(x).scale_tril.sizes(), with({4, 2, 2}));
    EXPECT_EQ(network->loss(x, y).sizes(), with({}));
    EXPECT_EQ(network->sample(x, 5, {}).sizes(), with({5, 2}));
    network->loss(x, y).sum().backward();
    EXPECT_TRUE(HasFiniteGradients(*network));
  }
}

TEST(NetworkTest, ReferenceScaleLeavesOutTheConstant) {
  MixtureDensityNetwork network = NetworkOf(ConfigOf(NoiseType::kDiagonal));
  const torch::Tensor x = torch::randn({4, 3}), y = torch::randn({4, 2});
  const torch::Tensor difference = network->loss(x, y) - network->loss(x, y, LossScale::kReference);
  EXPECT_TRUE(torch::allclose(difference, torch::full({4}, 1.8378771f)));
}

TEST(NetworkTest, RefusesShapesThatDoNotFit) {
  MixtureDensityNetwork network = NetworkOf(ConfigOf(NoiseType::kDiagonal));
  const torch::Tensor x = torch::zeros({4, 3});
  EXPECT_THAT(ErrorOf([&] {
                network->forward(torch::zeros({4, 2}));
              }),
              HasSubstr("x has shape [4, 2]; expected [*, 3]"));
  EXPECT_THAT(ErrorOf([&] { network->loss(x, torch::zeros({4})); }),
              HasSubstr("y has shape [4]; expected [4, 2] for x of shape [4, 3]"));
  EXPECT_THAT(ErrorOf([&] {
                network->loss(x, torch::zeros({4, 1}));
              }),
              HasSubstr("y has shape [4, 1]; expected [4, 2]"));
  EXPECT_THAT(ErrorOf([&] {
                network->loss(x, torch::zeros({4, 2}, torch::kDouble));
              }),
              HasSubstr("y has type Double; expected Float"));
  EXPECT_THAT(ErrorOf([&] {
                network->loss(torch::zeros({4, 3}, torch::kMeta), x);
              }),
              HasSubstr("x is on meta; expected the CPU"));
  EXPECT_THAT(ErrorOf([&] { network->sample(x, 0, {}); }),
              HasSubstr("num_samples is 0; expected at least 1"));
}

TEST(NetworkTest, RefusesTensorsOfAnotherNetwork) {
  std::map<std::string, Tensor> tensors = NetworkOf(ConfigOf(NoiseType::kFixed))->Tensors();
  MixtureDensityNetwork network = NetworkOf(ConfigOf(NoiseType::kDiagonal));
  EXPECT_THAT(ErrorOf([&] { network->SetTensors(tensors); }),
              HasSubstr("tensor normal_network.4.weight has shape [8, 8]; expected [16, 8]"));
  tensors.erase("pi_network.0.bias");
  EXPECT_THAT(ErrorOf([&] { network->SetTensors(tensors); }),
              HasSubstr("no tensor pi_network.0.bias"));
}

// Sigma from 1e-20 to 1e20, and far beyond.
class ScaleTest : public ::testing::TestWithParam<NoiseType> {};

INSTANTIATE_TEST_SUITE_P(EveryNoiseModel, ScaleTest,
                         ::testing::Values(NoiseType::kDiagonal, NoiseType::kIsotropic,
                                           NoiseType::kIsotropicAcrossClusters, NoiseType::kFull),
                         [](const auto& info) { return std::string(NoiseTypeName(info.param)); });

TEST_P(ScaleTest, LossAndGradientsStayFinite) {
  for (const float log_scale : {-80.0f, -46.0f, 0.0f, 46.0f, 80.0f}) {
    MixtureDensityNetwork network = NetworkOf(ConfigOf(GetParam()));
    {
      const torch::NoGradGuard no_gradient;
      for (auto& item : network->named_parameters()) {
        if (item.key() == "normal_network.4.bias") item.value().slice(0, 8).fill_(log_scale);
      }
    }
    const torch::Tensor loss = network->loss(torch::randn({64, 3}), torch::randn({64, 2}));
    EXPECT_TRUE(loss.isfinite().all().item<bool>()) << log_scale << loss;
    loss.mean().backward();
    EXPECT_TRUE(HasFiniteGradients(*network)) << log_scale;
  }
}

TEST(NetworkTest, ForwardHasFiniteGradientsForNarrowTriangles) {
  MixtureDensityNetwork network = NetworkOf(ConfigOf(NoiseType::kFull, 3));
  {
    const torch::NoGradGuard no_gradient;
    for (auto& item : network->named_parameters()) {
      if (item.key().find("normal_network.4") == 0) item.value().mul_(1e-20f);
      if (item.key() == "normal_network.4.bias") item.value().slice(0, 12).fill_(-46);
    }
  }
  network->forward(torch::randn({4, 3})).sigma.sum().backward();
  EXPECT_TRUE(HasFiniteGradients(*network));
}

}  // namespace
}  // namespace mdn

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/csrc/jit/api/module.h>

#include <cmath>
#include <sstream>
#include <string>

#include "model/engine/torch/torch_engine.h"

namespace mdn {
namespace {

using ::testing::HasSubstr;

/// A checkpoint of a module with the given forward, which takes two features unless
/// `with_parameter` is false.
Checkpoint Script(const std::string& forward, bool with_parameter = true) {
  torch::jit::Module module("Net");
  if (with_parameter) module.register_parameter("weight", at::ones({3, 2}), false);
  module.define(forward);
  std::ostringstream archive;
  module.save(archive);
  Checkpoint checkpoint;
  checkpoint.format = CheckpointFormat::kTorchScript;
  checkpoint.script = archive.str();
  return checkpoint;
}

// K = 2, D = 1: equal weights, means x0 and x1, standard deviations 0.5 and 2.
constexpr char kGood[] = R"(
def forward(self, x):
    log_pi = torch.log_softmax(torch.zeros_like(x), dim=1)
    mu = x.unsqueeze(2)
    sigma = torch.tensor([0.5, 2.0]).expand_as(x).unsqueeze(2)
    return log_pi, mu, sigma
)";

std::string Error(const Checkpoint& checkpoint) {
  const auto engine = MakeTorchEngine(checkpoint);
  EXPECT_EQ(engine.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(engine.status().message());
}

TEST(ScriptEngineTest, EvaluatesAnyForward) {
  const auto engine = MakeTorchEngine(Script(kGood));
  ASSERT_TRUE(engine.ok()) << engine.status();
  EXPECT_EQ((*engine)->dim_in(), 2);
  EXPECT_EQ((*engine)->shape().components, 2);
  Mixture mixture;
  ASSERT_TRUE((*engine)->Evaluate({1, 2, 3, 4}, 2, mixture).ok());
  EXPECT_THAT(mixture.mu, testing::ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(mixture.sigma, testing::ElementsAre(0.5, 2, 0.5, 2));
  EXPECT_FLOAT_EQ(mixture.log_pi[0], std::log(0.5f));
  EXPECT_FLOAT_EQ(mixture.log_scale[1], std::log(2.0f));
}

TEST(ScriptEngineTest, StandardisationIsAChangeOfUnits) {
  Checkpoint checkpoint = Script(kGood);
  checkpoint.config.x_shift = {10, 20};
  checkpoint.config.x_scale = {2, 4};
  checkpoint.config.y_shift = {100};
  checkpoint.config.y_scale = {8};
  const auto engine = MakeTorchEngine(checkpoint);
  ASSERT_TRUE(engine.ok()) << engine.status();
  Mixture mixture;
  ASSERT_TRUE((*engine)->Evaluate({12, 16}, 1, mixture).ok());
  EXPECT_THAT(mixture.mu, testing::ElementsAre(108, 92));
  EXPECT_THAT(mixture.sigma, testing::ElementsAre(4, 16));
  EXPECT_FLOAT_EQ(mixture.log_scale[0], std::log(4.0f));
}

TEST(ScriptEngineTest, RefusesWhatIsNoArchive) {
  Checkpoint checkpoint = Script(kGood);
  checkpoint.script.resize(checkpoint.script.size() / 2);
  EXPECT_THAT(Error(checkpoint), HasSubstr("LibTorch cannot use the network"));
}

TEST(ScriptEngineTest, RefusesAForwardThatReturnsSomethingElse) {
  EXPECT_THAT(Error(Script("def forward(self, x):\n    return x\n")),
              HasSubstr("forward(x) returned Tensor; expected a tuple (log_pi, mu, sigma)"));
  EXPECT_THAT(Error(Script("def forward(self, x):\n    return x, x, 3\n")),
              HasSubstr("returned a tuple with a Int; expected three tensors"));
  EXPECT_THAT(Error(Script("def forward(self, x):\n    return x, x, x\n")),
              HasSubstr("returned log_pi [2, 2], mu [2, 2], sigma [2, 2]; expected log_pi [N, K]"));
}

TEST(ScriptEngineTest, RefusesWeightsThatAreNotNormalised) {
  const std::string forward =
      "def forward(self, x):\n    return x, x.unsqueeze(2), torch.ones_like(x).unsqueeze(2)\n";
  EXPECT_THAT(Error(Script(forward)), HasSubstr("its first result must be log_pi"));
}

TEST(ScriptEngineTest, RefusesANetworkTracedForOneRow) {
  const std::string forward = R"(
def forward(self, x):
    y = x.reshape([1, 2])
    return torch.log_softmax(y, dim=1), y.unsqueeze(2), torch.exp(y).unsqueeze(2)
)";
  EXPECT_EQ(Error(Script(forward)),
            "forward(x) of the TorchScript network fails for two rows of zeros: shape '[1, 2]' is "
            "invalid for input of size 4; dim_in was guessed as 2, say it in the JSON file beside "
            "it if that is wrong");
}

TEST(ScriptEngineTest, AsksForDimInWhereNothingShowsIt) {
  Checkpoint checkpoint = Script(kGood, false);
  EXPECT_THAT(Error(checkpoint), HasSubstr("say dim_in in the JSON file"));
  checkpoint.config.dim_in = 2;
  EXPECT_TRUE(MakeTorchEngine(checkpoint).ok());
}

TEST(ScriptEngineTest, RefusesAConfigurationThatTheNetworkContradicts) {
  Checkpoint checkpoint = Script(kGood);
  checkpoint.config.n_components = 5;
  EXPECT_EQ(Error(checkpoint),
            "the configuration says n_components 5, but the TorchScript network has 2");
  checkpoint.config.n_components = 2;
  checkpoint.config.dim_out = 3;
  EXPECT_EQ(Error(checkpoint),
            "the configuration says dim_out 3, but the TorchScript network has 1");
}

TEST(ScriptEngineTest, AForwardThatFailsLaterIsInternal) {
  const std::string forward = R"(
def forward(self, x):
    assert not bool((x > 100).any()), "too hot"
    log_pi = torch.log_softmax(torch.zeros_like(x), dim=1)
    return log_pi, x.unsqueeze(2), torch.ones_like(x).unsqueeze(2)
)";
  const auto engine = MakeTorchEngine(Script(forward));
  ASSERT_TRUE(engine.ok()) << engine.status();
  Mixture mixture;
  EXPECT_EQ((*engine)->Evaluate({101, 1}, 1, mixture).code(), absl::StatusCode::kInternal);
  EXPECT_TRUE((*engine)->Evaluate({99, 1}, 1, mixture).ok());
}

}  // namespace
}  // namespace mdn

#include "model/train/trainer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "model/train/data/examples.h"

namespace mdn {
namespace {

using ::testing::HasSubstr;

ModelConfig SmallConfig() {
  ModelConfig config;
  config.dim_in = 1;
  config.dim_out = 1;
  config.n_components = 2;
  config.hidden_dim = 6;
  return config;
}

Split SmallData(double validation_fraction = 0.25) {
  return SplitRows(FindExample("econ_density")->draw(120, 1), validation_fraction, 1);
}

TrainingOptions FewSteps(int64_t iterations) {
  TrainingOptions options;
  options.iterations = iterations;
  options.batch_size = 32;
  options.validate_every = 10;
  options.seed = 3;
  return options;
}

bool GoOn(const TrainingProgress&) { return true; }

std::function<bool(const TrainingProgress&)> StopAfter(int64_t iteration) {
  return [iteration](const TrainingProgress& progress) { return progress.iteration < iteration; };
}

std::map<std::string, std::vector<float>> ValuesOf(const Trainer& trainer) {
  std::map<std::string, std::vector<float>> values;
  for (const auto& [name, tensor] : trainer.Tensors()) values[name] = tensor.values;
  return values;
}

Trainer Make(const TrainingOptions& options, Split data = SmallData(),
             const ModelConfig& config = SmallConfig()) {
  auto trainer = Trainer::Create(config, options, std::move(data), 1);
  EXPECT_TRUE(trainer.ok()) << trainer.status();
  return *std::move(trainer);
}

/// The weights after all iterations.
std::map<std::string, std::vector<float>> Trained(const TrainingOptions& options,
                                                  const Split& data = SmallData()) {
  Trainer trainer = Make(options, data);
  const auto end = trainer.Run(GoOn);
  EXPECT_TRUE(end.ok()) << end.status();
  EXPECT_EQ(*end, TrainingEnd::kIterations);
  return ValuesOf(trainer);
}

TEST(TrainerTest, LearnsWhatItIsShown) {
  Trainer trainer = Make(FewSteps(300), SmallData(0));
  const double before = trainer.TrainingLoss();
  ASSERT_TRUE(trainer.Run(GoOn).ok());
  EXPECT_LT(trainer.TrainingLoss(), before - 0.3);
  EXPECT_EQ(trainer.progress().iteration, 300);
  EXPECT_FALSE(trainer.progress().validation_loss.has_value());
}

TEST(TrainerTest, GivesTheSameWeightsForTheSameSeed) {
  TrainingOptions options = FewSteps(40);
  options.x_noise = options.y_noise = 0.1;
  const auto weights = Trained(options);
  EXPECT_EQ(Trained(options), weights);
  options.seed = 4;
  EXPECT_NE(Trained(options), weights);
}

TEST(TrainerTest, NoiseRegularisationChangesTheSteps) {
  TrainingOptions noisy = FewSteps(20);
  noisy.y_noise = 0.2;
  EXPECT_NE(Trained(noisy), Trained(FewSteps(20)));
}

TEST(TrainerTest, GoesOnFromItsStateAsIfNeverStopped) {
  TrainingOptions options = FewSteps(60);
  options.x_noise = 0.1;
  Trainer first = Make(options);
  const auto end = first.Run(StopAfter(23));
  ASSERT_TRUE(end.ok()) << end.status();
  EXPECT_EQ(*end, TrainingEnd::kStopped);
  EXPECT_EQ(first.progress().iteration, 23);

  Trainer second = Make(options);
  ASSERT_TRUE(second.Restore(first.State()).ok());
  EXPECT_EQ(second.progress().iteration, 23);
  EXPECT_EQ(second.progress().best_iteration, first.progress().best_iteration);
  EXPECT_EQ(ValuesOf(second), ValuesOf(first));
  ASSERT_TRUE(second.Run(GoOn).ok());
  EXPECT_EQ(ValuesOf(second), Trained(options));
}

TEST(TrainerTest, GoesOnForMoreIterationsThanItWasBegunWith) {
  Trainer first = Make(FewSteps(20));
  ASSERT_TRUE(first.Run(GoOn).ok());
  Trainer second = Make(FewSteps(30));
  ASSERT_TRUE(second.Restore(first.State()).ok());
  EXPECT_EQ(*second.Run(GoOn), TrainingEnd::kIterations);
  EXPECT_EQ(second.progress().iteration, 30);
  EXPECT_NE(ValuesOf(second), ValuesOf(first));
}

TEST(TrainerTest, KeepsTheWeightsThatWereBestOnValidationRows) {
  TrainingOptions options = FewSteps(400);
  options.learning_rate = 0.05;
  const Split data = SmallData();
  Trainer trainer = Make(options, data);
  ASSERT_TRUE(trainer.Run(GoOn).ok());
  const TrainingProgress& progress = trainer.progress();
  ASSERT_LT(progress.best_iteration, 400);
  EXPECT_LT(*progress.best_validation_loss, *progress.validation_loss);
  // Judged by the rows that chose them.
  Trainer judge = Make(options, {data.validation, {}});
  EXPECT_GT(judge.TrainingLoss(), *progress.best_validation_loss);
}

TEST(TrainerTest, EndsWhenPatienceIsLost) {
  TrainingOptions options = FewSteps(5000);
  options.learning_rate = 0.05;
  options.patience = 3;
  Trainer trainer = Make(options);
  const auto end = trainer.Run(GoOn);
  ASSERT_TRUE(end.ok()) << end.status();
  EXPECT_EQ(*end, TrainingEnd::kPatience);
  EXPECT_EQ(trainer.progress().iteration, trainer.progress().best_iteration + 30);

  Trainer resumed = Make(options);
  ASSERT_TRUE(resumed.Restore(trainer.State()).ok());
  EXPECT_EQ(*resumed.Run(GoOn), TrainingEnd::kPatience);
  EXPECT_EQ(resumed.progress().iteration, trainer.progress().iteration);
}

TEST(TrainerTest, LooksAtTheValidationRowsAfterTheLastIteration) {
  Trainer trainer = Make(FewSteps(13));
  std::vector<int64_t> looks;
  ASSERT_TRUE(trainer
                  .Run([&](const TrainingProgress& progress) {
                    if (progress.best_iteration == progress.iteration) {
                      looks.push_back(progress.iteration);
                    }
                    return true;
                  })
                  .ok());
  EXPECT_EQ(looks, (std::vector<int64_t>{10, 13}));
}

TEST(TrainerTest, SaysThatTheLossIsNoLongerFinite) {
  TrainingOptions options = FewSteps(50);
  options.learning_rate = 1e30;
  options.max_gradient_norm = 0;
  Trainer trainer = Make(options);
  const auto end = trainer.Run(GoOn);
  EXPECT_EQ(end.status().code(), absl::StatusCode::kInternal);
  EXPECT_THAT(std::string(end.status().message()), HasSubstr("the loss is no longer finite after"));
}

TEST(TrainerTest, RefusesTheStateOfAnotherTraining) {
  Trainer trainer = Make(FewSteps(20));
  TrainingOptions other = FewSteps(20);
  other.batch_size = 16;
  const absl::Status status = trainer.Restore(Make(other).State());
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(), "it is of a training with batch_size 16; this one has batch_size 32");
  const absl::Status data = trainer.Restore(Make(FewSteps(20), SmallData(0.5)).State());
  EXPECT_EQ(data.message(),
            "it is of a training on other rows, or on the same split or standardised otherwise");
  ModelConfig wide = SmallConfig();
  wide.hidden_dim = 7;
  EXPECT_EQ(trainer.Restore(Make(FewSteps(20), SmallData(), wide).State()).message(),
            "it is of a training with hidden_dim 7; this one has hidden_dim 6");
}

// The scales and the rows differ as well, but follow from what the user said.
TEST(TrainerTest, NamesTheFlagThatDiffersRatherThanItsConsequences) {
  ModelConfig fixed = SmallConfig(), diagonal = SmallConfig();
  fixed.noise_type = NoiseType::kFixed;
  fixed.fixed_noise_level = 0.5;
  fixed.y_scale = {1};
  diagonal.y_scale = {3};
  const std::string state = Make(FewSteps(20), SmallData(), fixed).State();
  Trainer trainer = Make(FewSteps(20), SmallData(0.5), diagonal);
  EXPECT_THAT(std::string(trainer.Restore(state).message()),
              HasSubstr("it is of a training with fixed_noise_level 0.5; this one has "));
  TrainingOptions seeded = FewSteps(20);
  seeded.seed = 9;
  EXPECT_EQ(Make(seeded, SmallData(0.5), diagonal).Restore(state).message(),
            "it is of a training with seed 3; this one has seed 9");
}

TEST(TrainerTest, RefusesANetworkThatIsTooLarge) {
  ModelConfig config = SmallConfig();
  config.hidden_dim = kMaxDimension;
  const auto trainer = Trainer::Create(config, FewSteps(20), SmallData(), 1);
  EXPECT_EQ(trainer.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(trainer.status().message(),
            "2 components and hidden layers of 1048576 make 2.19904e+12 weights; expected at most "
            "1e+09");
}

TEST(TrainerTest, BeginsWithTheWeightsThatItIsGiven) {
  Trainer first = Make(FewSteps(20));
  ASSERT_TRUE(first.Run(GoOn).ok());
  Trainer second = Make(FewSteps(20));
  second.SetTensors(first.Tensors());
  EXPECT_EQ(ValuesOf(second), ValuesOf(first));
  ASSERT_TRUE(second.Run(StopAfter(1)).ok());
  EXPECT_NE(ValuesOf(second), ValuesOf(first));
}

TEST(TrainerTest, RefusesWhatIsNoState) {
  Trainer trainer = Make(FewSteps(20));
  const std::string state = trainer.State();
  for (const std::string& bytes : {std::string(), std::string("nothing"), state.substr(0, 900)}) {
    const absl::Status status = trainer.Restore(bytes);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(status.message(), "it is no state of a training, or it is damaged");
  }
}

}  // namespace
}  // namespace mdn

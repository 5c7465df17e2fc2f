#include "model/train/trainer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <string>
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

/// The weights after all iterations.
std::map<std::string, std::vector<float>> Trained(const TrainingOptions& options,
                                                  const Split& data = SmallData()) {
  Trainer trainer(SmallConfig(), options, data, 1);
  const auto end = trainer.Run(GoOn);
  EXPECT_TRUE(end.ok()) << end.status();
  EXPECT_EQ(*end, TrainingEnd::kIterations);
  return ValuesOf(trainer);
}

TEST(TrainerTest, LearnsWhatItIsShown) {
  Trainer trainer(SmallConfig(), FewSteps(300), SmallData(0), 1);
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
  Trainer first(SmallConfig(), options, SmallData(), 1);
  const auto end = first.Run(StopAfter(23));
  ASSERT_TRUE(end.ok()) << end.status();
  EXPECT_EQ(*end, TrainingEnd::kStopped);
  EXPECT_EQ(first.progress().iteration, 23);

  Trainer second(SmallConfig(), options, SmallData(), 1);
  ASSERT_TRUE(second.Restore(first.State()).ok());
  EXPECT_EQ(second.progress().iteration, 23);
  EXPECT_EQ(second.progress().best_iteration, first.progress().best_iteration);
  EXPECT_EQ(ValuesOf(second), ValuesOf(first));
  ASSERT_TRUE(second.Run(GoOn).ok());
  EXPECT_EQ(ValuesOf(second), Trained(options));
}

TEST(TrainerTest, KeepsTheWeightsThatWereBestOnValidationRows) {
  TrainingOptions options = FewSteps(400);
  options.learning_rate = 0.05;
  const Split data = SmallData();
  Trainer trainer(SmallConfig(), options, data, 1);
  ASSERT_TRUE(trainer.Run(GoOn).ok());
  const TrainingProgress& progress = trainer.progress();
  ASSERT_LT(progress.best_iteration, 400);
  EXPECT_LT(*progress.best_validation_loss, *progress.validation_loss);
  // Judged by the rows that chose them.
  Trainer judge(SmallConfig(), options, {data.validation, {}}, 1);
  EXPECT_GT(judge.TrainingLoss(), *progress.best_validation_loss);
}

TEST(TrainerTest, EndsWhenPatienceIsLost) {
  TrainingOptions options = FewSteps(5000);
  options.learning_rate = 0.05;
  options.patience = 3;
  Trainer trainer(SmallConfig(), options, SmallData(), 1);
  const auto end = trainer.Run(GoOn);
  ASSERT_TRUE(end.ok()) << end.status();
  EXPECT_EQ(*end, TrainingEnd::kPatience);
  EXPECT_EQ(trainer.progress().iteration, trainer.progress().best_iteration + 30);
}

TEST(TrainerTest, LooksAtTheValidationRowsAfterTheLastIteration) {
  Trainer trainer(SmallConfig(), FewSteps(13), SmallData(), 1);
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
  Trainer trainer(SmallConfig(), options, SmallData(), 1);
  const auto end = trainer.Run(GoOn);
  EXPECT_EQ(end.status().code(), absl::StatusCode::kInternal);
  EXPECT_THAT(std::string(end.status().message()), HasSubstr("the loss is no longer finite after"));
}

TEST(TrainerTest, RefusesTheStateOfAnotherTraining) {
  Trainer trainer(SmallConfig(), FewSteps(20), SmallData(), 1);
  TrainingOptions other = FewSteps(20);
  other.batch_size = 16;
  const absl::Status status =
      trainer.Restore(Trainer(SmallConfig(), other, SmallData(), 1).State());
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(),
            "it is of a training with batch_size 16; this one has batch_size 32");
  const absl::Status data =
      trainer.Restore(Trainer(SmallConfig(), FewSteps(20), SmallData(0.5), 1).State());
  EXPECT_THAT(std::string(data.message()), HasSubstr("it is of a training with data "));
  ModelConfig wide = SmallConfig();
  wide.hidden_dim = 7;
  EXPECT_EQ(trainer.Restore(Trainer(wide, FewSteps(20), SmallData(), 1).State()).message(),
            "it is of a training with hidden_dim 7; this one has hidden_dim 6");
}

TEST(TrainerTest, RefusesWhatIsNoState) {
  Trainer trainer(SmallConfig(), FewSteps(20), SmallData(), 1);
  const std::string state = trainer.State();
  for (const std::string& bytes : {std::string(), std::string("nothing"), state.substr(0, 900)}) {
    const absl::Status status = trainer.Restore(bytes);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(status.message(), "it is no state of a training, or it is damaged");
  }
}

}  // namespace
}  // namespace mdn

#include "model/train/tool/training_job.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>
#include <string>

#include "model/checkpoint/checkpoint_writer.h"
#include "tests/model/checkpoint/checkpoint_files.h"

namespace mdn::train {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TrainingJob EllipsesJob(NoiseType noise_type) {
  TrainingJob job;
  job.example = FindExample("rotating_ellipses");
  job.rows = 1000;
  job.noise_type = noise_type;
  job.fixed_noise_level = 0.5;
  return job;
}

TrainingData Prepare(const TrainingJob& job) {
  auto data = PrepareData(job);
  EXPECT_TRUE(data.ok()) << data.status();
  return *std::move(data);
}

TEST(TrainingJobTest, StandardisesByTheTrainingRows) {
  const TrainingData data = Prepare(EllipsesJob(NoiseType::kDiagonal));
  EXPECT_EQ(data.original.rows, 1000);
  EXPECT_EQ(data.split.train.rows, 900);
  EXPECT_EQ(data.split.validation.rows, 100);
  const std::vector<float>& x = data.split.train.x;
  EXPECT_NEAR(std::accumulate(x.begin(), x.end(), 0.0), 0, 1e-3);
  EXPECT_NEAR(std::inner_product(x.begin(), x.end(), x.begin(), 0.0), 900, 1e-2);
  EXPECT_NE(data.config.y_scale[0], data.config.y_scale[1]);
  EXPECT_THAT(data.config.source, HasSubstr("example rotating_ellipses, 1000 rows, seed 0"));
}

TEST(TrainingJobTest, KeepsWhatIsIsotropicIsotropic) {
  for (const NoiseType type : {NoiseType::kIsotropic, NoiseType::kIsotropicAcrossClusters}) {
    const ModelConfig config = Prepare(EllipsesJob(type)).config;
    EXPECT_EQ(config.y_scale[0], config.y_scale[1]);
    EXPECT_NE(config.y_scale[0], 1);
  }
}

TEST(TrainingJobTest, KeepsAFixedLevelInTheDatasUnits) {
  const ModelConfig config = Prepare(EllipsesJob(NoiseType::kFixed)).config;
  EXPECT_THAT(config.y_scale, ElementsAre(1, 1));
  EXPECT_THAT(config.y_shift, ::testing::Not(Each(0)));
  EXPECT_EQ(config.fixed_noise_level, 0.5);
}

TEST(TrainingJobTest, LeavesUnitsAloneWhereThatIsAsked) {
  TrainingJob job = EllipsesJob(NoiseType::kDiagonal);
  job.standardising = Standardising::kOff;
  job.validation_fraction = 0;
  const TrainingData data = Prepare(job);
  EXPECT_TRUE(data.config.x_shift.empty() && data.config.y_scale.empty());
  EXPECT_EQ(data.split.train.y, data.original.y);
}

TrainingJob JobFrom(const std::string& checkpoint) {
  TrainingJob job = EllipsesJob(NoiseType::kDiagonal);
  job.start_from = checkpoint;
  return job;
}

TEST(TrainingJobTest, BeginsWithACheckpointsWeightsAndScaling) {
  ModelConfig config;
  config.dim_in = 1;
  config.dim_out = 2;
  config.n_components = 3;
  config.hidden_dim = 4;
  config.noise_type = NoiseType::kIsotropic;
  config.isotropic_layout = IsotropicLayout::kTiled;
  config.y_shift = {10, 20};
  config.y_scale = {2, 4};
  const auto weights = NetworkOf(1, 4, 3, 3 * 2 + 3);
  const TemporaryDirectory directory;
  ASSERT_TRUE(SaveCheckpoint(directory.Path(""), config, weights).ok());

  const TrainingData data = Prepare(JobFrom(directory.Path("model.safetensors")));
  EXPECT_EQ(data.config.n_components, 3);
  EXPECT_EQ(data.config.isotropic_layout, IsotropicLayout::kTiled);
  EXPECT_EQ(data.config.y_scale, config.y_scale);
  EXPECT_THAT(data.config.source, HasSubstr("seed 0, from "));
  EXPECT_EQ(data.weights.at("normal_network.4.bias").values,
            weights.at("normal_network.4.bias").values);
  const Split plain = SplitRows(data.original, 0.1, 0);
  EXPECT_EQ(data.split.train.x, plain.train.x);
  EXPECT_FLOAT_EQ(data.split.train.y[0], (plain.train.y[0] - 10) / 2);
  EXPECT_FLOAT_EQ(data.split.train.y[1], (plain.train.y[1] - 20) / 4);
}

TEST(TrainingJobTest, RefusesACheckpointThatCannotBeTrainedOnTheseRows) {
  const std::string data = MDN_TEST_DATA "/";
  const absl::Status columns = PrepareData(JobFrom(data + "small_diagonal.pt")).status();
  EXPECT_EQ(columns.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(columns.message()),
              HasSubstr("small_diagonal.json, but 1 by the flags and the data's columns"));
  const absl::Status script = PrepareData(JobFrom(data + "small_torchscript.ts")).status();
  EXPECT_EQ(script.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(script.message()),
              HasSubstr("is a TorchScript archive, which cannot be trained"));
  EXPECT_EQ(PrepareData(JobFrom("/nowhere.pt")).status().code(), absl::StatusCode::kNotFound);
}

TEST(TrainingJobTest, KeepsOfAFileTheSplitRowsAlone) {
  const TemporaryDirectory directory;
  TrainingJob job;
  job.data_file = directory.Write("data.csv", CsvText(FindExample("econ_density")->draw(50, 1)));
  job.columns = {{"x"}, {"y"}};
  const TrainingData data = Prepare(job);
  EXPECT_EQ(data.original.rows, 50);
  EXPECT_THAT(data.original.x_names, ElementsAre("x"));
  EXPECT_TRUE(data.original.x.empty() && data.original.y.empty());
  EXPECT_EQ(data.split.train.rows + data.split.validation.rows, 50);
}

TEST(TrainingJobTest, PassesOnWhatIsWrongWithAFile) {
  TrainingJob job;
  job.data_file = "/nowhere.csv";
  job.columns = {{"a"}, {"b"}};
  const auto data = PrepareData(job);
  EXPECT_EQ(data.status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(data.status().message(), "/nowhere.csv: No such file or directory");
}

}  // namespace
}  // namespace mdn::train

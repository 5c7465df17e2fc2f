#include "model/train/tool/training_job.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>
#include <string>

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

#include "model/train/tool/command_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"

namespace mdn::train {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TrainingJob Job(std::vector<std::string> arguments) {
  const auto parsed = ParseCommandLine(std::move(arguments));
  EXPECT_TRUE(parsed.ok()) << parsed.status();
  return std::get<TrainingJob>(*parsed);
}

std::string Error(std::vector<std::string> arguments) {
  const auto parsed = ParseCommandLine(std::move(arguments));
  EXPECT_EQ(parsed.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(parsed.status().message());
}

TEST(CommandLineTest, ReadsAFilesColumns) {
  const TrainingJob job = Job({"--data=a.csv", "--x=hour,distance", "--y=minutes", "--output=out",
                               "--components=7", "--hidden", "32", "--noise-type=full"});
  EXPECT_EQ(job.data_file, "a.csv");
  EXPECT_THAT(job.columns.x, ElementsAre("hour", "distance"));
  EXPECT_THAT(job.columns.y, ElementsAre("minutes"));
  EXPECT_EQ(job.components, 7);
  EXPECT_EQ(job.hidden, 32);
  EXPECT_EQ(job.noise_type, NoiseType::kFull);
  EXPECT_EQ(job.standardising, Standardising::kOn);
  EXPECT_EQ(job.existing, ExistingModel::kRefuse);
}

TEST(CommandLineTest, TakesTheReferencesRecipeForItsExample) {
  const TrainingJob job = Job({"--example=ex_1d", "--output=out"});
  EXPECT_EQ(job.rows, 512);
  EXPECT_EQ(job.components, 3);
  EXPECT_EQ(job.hidden, 50);
  EXPECT_EQ(job.training.iterations, 2000);
  EXPECT_EQ(job.training.batch_size, 0);
  EXPECT_EQ(job.training.learning_rate, 0.005);
  EXPECT_EQ(job.training.max_gradient_norm, 0);
  EXPECT_EQ(job.validation_fraction, 0);
  EXPECT_EQ(job.standardising, Standardising::kOff);
}

TEST(CommandLineTest, TakesNoOtherArgumentForAMissingValue) {
  EXPECT_EQ(Error({"--example=ex_1d", "--output=", "--seed=3"}),
            "--output: got nothing after '='; expected a value, or leave the flag away");
  EXPECT_EQ(Error({"--example=ex_1d", "--output=out", "--noise-type="}),
            "--noise_type: got nothing after '='; expected a value, or leave the flag away");
}

TEST(CommandLineTest, FlagsReplaceAnExamplesDefaults) {
  const TrainingJob job = Job({"--components=9", "--example=ex_1d", "--output=out", "--rows=40",
                               "--standardize", "--iterations=5"});
  EXPECT_EQ(job.components, 9);
  EXPECT_EQ(job.hidden, 50);
  EXPECT_EQ(job.rows, 40);
  EXPECT_EQ(job.training.iterations, 5);
  EXPECT_EQ(job.standardising, Standardising::kOn);
}

TEST(CommandLineTest, ReadsWhatACheckpointLeavesOpen) {
  const TrainingJob job = Job({"--example=ex_1d", "--output=out", "--start_from=old.pt",
                               "--noise_type=isotropic", "--isotropic_layout=per_component"});
  EXPECT_EQ(job.start_from, "old.pt");
  EXPECT_EQ(job.start_hints.noise_type, NoiseType::kIsotropic);
  EXPECT_EQ(job.start_hints.isotropic_layout, IsotropicLayout::kPerComponent);
  EXPECT_FALSE(job.start_hints.fixed_noise_level.has_value());
  EXPECT_FALSE(Job({"--example=ex_1d", "--output=out", "--start_from=old.pt"})
                   .start_hints.noise_type.has_value());
}

TEST(CommandLineTest, AnswersHelpAndVersion) {
  const auto help = ParseCommandLine({"--help"});
  ASSERT_TRUE(help.ok());
  EXPECT_THAT(std::get<Answer>(*help), HasSubstr("--learning_rate RATE"));
  const auto version = ParseCommandLine({"--version"});
  ASSERT_TRUE(version.ok());
  EXPECT_THAT(std::get<Answer>(*version), testing::StartsWith("mdn_train "));
}

TEST(CommandLineTest, NamesWhatIsMissing) {
  EXPECT_EQ(Error({"--output=out"}), "--data: required, or --example");
  EXPECT_EQ(Error({"--data=a.csv", "--y=b", "--output=out"}),
            "--x: required: the columns to predict from");
  EXPECT_EQ(Error({"--data=a.csv", "--x=b", "--output=out"}),
            "--y: required: the columns to predict");
  EXPECT_EQ(Error({"--example=ex_1d"}), "--output: required: the directory to write");
}

TEST(CommandLineTest, NamesWhatDoesNotGoTogether) {
  EXPECT_EQ(Error({"--data=a.csv", "--example=ex_1d", "--output=out"}),
            "--data: not together with --example");
  EXPECT_EQ(Error({"--example=ex_1d", "--x=a", "--output=out"}),
            "--x: not together with --example");
  EXPECT_EQ(Error({"--data=a.csv", "--x=a", "--y=b", "--rows=100", "--output=out"}),
            "--rows: only together with --example");
  EXPECT_EQ(Error({"--example=ex_1d", "--output=out", "--resume", "--overwrite"}),
            "--resume: not together with --overwrite");
  EXPECT_EQ(Error({"--example=ex_1d", "--output=out", "--standardize", "--no_standardize"}),
            "--standardize: not together with --no_standardize");
  EXPECT_EQ(Error({"--example=ex_1d", "--output=out", "--start_from=old.pt", "--hidden=8"}),
            "--hidden: not together with --start_from, whose checkpoint says it");
  EXPECT_EQ(Error({"--example=ex_1d", "--output=out", "--fixed_noise_level=0.1"}),
            "--fixed_noise_level: only together with --noise_type=fixed");
  EXPECT_EQ(Error({"--example=ex_1d", "--output=out", "--noise_type=fixed"}),
            "--fixed_noise_level: a number above 0 is required with --noise_type=fixed");
  EXPECT_EQ(Error({"--example=ex_1d", "--output=out", "--isotropic_layout=tiled"}),
            "--isotropic_layout: only together with --noise_type=isotropic");
}

TEST(CommandLineTest, NamesTheValueAndWhatWasExpected) {
  EXPECT_EQ(Error({"--example=moons", "--output=out"}),
            "--example: got 'moons'; expected one of ex_1d, bishop_inverse, econ_density, "
            "rotating_ellipses");
  EXPECT_EQ(Error({"--example=ex_1d", "--noise_type=round", "--output=out"}),
            "--noise_type: got 'round'; expected diagonal, isotropic, isotropic_across_clusters, "
            "fixed or full");
  EXPECT_EQ(Error({"--example=ex_1d", "--components=0", "--output=out"}),
            "--components: got '0'; expected a whole number from 1 to 1048576");
  EXPECT_EQ(Error({"--example=ex_1d", "--iterations=2.5", "--output=out"}),
            "--iterations: got '2.5'; expected a whole number from 1 to 4294967296");
  for (const char* value : {"-1", "0", "nan", "inf", "fast"}) {
    EXPECT_EQ(
        Error({"--example=ex_1d", absl::StrCat("--learning_rate=", value), "--output=out"}),
        absl::StrCat("--learning_rate: got '", value, "'; expected a number from 1e-30 to 1"));
  }
  EXPECT_THAT(Error({"--example=ex_1d", "--layers=3", "--output=out"}), HasSubstr("--layers=3"));
}

}  // namespace
}  // namespace mdn::train

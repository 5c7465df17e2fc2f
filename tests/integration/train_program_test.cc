#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tests/model/checkpoint/checkpoint_files.h"
#include "tests/support/child_process.h"

namespace mdn {
namespace {

using ::testing::ContainsRegex;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

struct Outcome {
  int exit_code = -1;
  std::vector<std::string> lines;
  std::string errors;
};

Outcome Finish(ChildProcess& program) {
  Outcome outcome;
  for (std::string line = program.ReadLine(); !line.empty(); line = program.ReadLine()) {
    outcome.lines.push_back(line);
  }
  outcome.exit_code = program.Wait();
  outcome.errors = program.errors();
  return outcome;
}

std::vector<std::string> Command(std::vector<std::string> flags) {
  flags.insert(flags.begin(), MDN_TRAIN_PROGRAM);
  return flags;
}

Outcome Train(std::vector<std::string> flags) {
  ChildProcess program(Command(std::move(flags)));
  return Finish(program);
}

// "loss      -1.3488, mean over the training rows; -2.2677 on the reference's scale"
double ReferenceLoss(const Outcome& outcome) {
  const std::vector<std::string> words = absl::StrSplit(outcome.lines.at(3), ' ');
  double loss = 0;
  EXPECT_TRUE(absl::SimpleAtod(words.at(words.size() - 5), &loss)) << outcome.lines[3];
  return loss;
}

std::vector<std::string> NamesIn(const std::string& directory) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    names.push_back(entry.path().filename().string());
  }
  return names;
}

class TrainProgramTest : public ::testing::Test {
 protected:
  std::string OutputFlag(const std::string& name) const {
    return "--output=" + directory_.Path(name);
  }

  const TemporaryDirectory directory_;
};

TEST_F(TrainProgramTest, ReachesTheReferencesLossByItsRecipe) {
  const Outcome outcome = Train({"--example=ex_1d", OutputFlag("out")});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.errors;
  ASSERT_EQ(outcome.lines.size(), 7);
  EXPECT_EQ(outcome.lines[0], "data      512 rows, 512 to train and 0 to validate: x -> y");
  EXPECT_EQ(outcome.lines[1], "network   1 -> 1, 3 components, hidden layers of 50, diagonal");
  EXPECT_THAT(outcome.lines[2], HasSubstr("trained   2000 iterations in "));
  const double loss = ReferenceLoss(outcome);
  EXPECT_GE(loss, -2.3);
  EXPECT_LE(loss, -1.5);
  EXPECT_THAT(NamesIn(directory_.Path("out")),
              UnorderedElementsAre("data.csv", "model.json", "model.pt", "model.safetensors",
                                   "training_state.pt"));
}

TEST_F(TrainProgramTest, TrainsOnAFile) {
  std::string csv = "time,price,volume\n";
  for (int i = 0; i < 200; ++i) absl::StrAppend(&csv, i, ",", i % 7 + 0.5 * i, ",", i % 3, "\n");
  const std::string path = directory_.Write("data.csv", csv);
  const Outcome outcome = Train({"--data=" + path, "--x=time,volume", "--y=price",
                                 "--iterations=50", "--noise_type=isotropic", OutputFlag("out")});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.errors;
  EXPECT_EQ(outcome.lines[0],
            "data      200 rows, 180 to train and 20 to validate: time, volume -> price");
  const auto checkpoint = LoadCheckpoint(directory_.Path("out/model.pt"), {});
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status();
  EXPECT_EQ(checkpoint->config.dim_in, 2);
  EXPECT_EQ(checkpoint->config.noise_type, NoiseType::kIsotropic);
  EXPECT_EQ(checkpoint->config.isotropic_layout, IsotropicLayout::kPerComponent);
  EXPECT_EQ(checkpoint->config.x_shift.size(), 2);
}

TEST_F(TrainProgramTest, WritesTheSameBytesForTheSameSeed) {
  const std::vector<std::string> flags = {"--example=econ_density", "--rows=300",
                                          "--iterations=40"};
  for (const char* name : {"a", "b", "c"}) {
    auto all = flags;
    all.push_back(OutputFlag(name));
    all.push_back(name[0] == 'c' ? "--seed=2" : "--seed=1");
    ASSERT_EQ(Train(all).exit_code, 0);
  }
  const std::string model = ReadFile(directory_.Path("a/model.safetensors"));
  EXPECT_EQ(ReadFile(directory_.Path("b/model.safetensors")), model);
  EXPECT_NE(ReadFile(directory_.Path("c/model.safetensors")), model);
}

TEST_F(TrainProgramTest, SavesWhatStandsOnAnInterruptAndResumes) {
  std::vector<std::string> flags;
  Outcome outcome;
  int iterations = 300;
  // Until the interrupt comes before the end, however slow the machine is with it.
  do {
    iterations *= 2;
    flags = {"--example=econ_density", "--rows=2000", absl::StrCat("--iterations=", iterations)};
    auto interrupted = flags;
    interrupted.insert(interrupted.end(), {OutputFlag("parts"), "--overwrite"});
    ChildProcess program(Command(interrupted));
    EXPECT_THAT(program.ReadLine(), HasSubstr("data "));
    program.Signal(SIGINT);
    outcome = Finish(program);
  } while (outcome.exit_code == 0);
  auto resumed = flags, whole = flags;
  resumed.insert(resumed.end(), {OutputFlag("parts"), "--resume"});
  whole.push_back(OutputFlag("whole"));

  EXPECT_EQ(outcome.exit_code, 130) << outcome.errors;
  EXPECT_THAT(outcome.errors, HasSubstr("mdn_train: interrupted; --resume goes on from here\n"));
  EXPECT_TRUE(LoadCheckpoint(directory_.Path("parts/model.safetensors"), {}).ok());

  const Outcome rest = Train(resumed);
  ASSERT_EQ(rest.exit_code, 0) << rest.errors;
  EXPECT_THAT(rest.lines.at(2),
              ContainsRegex(
                  absl::StrCat("trained   ", iterations, " iterations, [0-9]+ of them now, in ")));
  ASSERT_EQ(Train(whole).exit_code, 0);
  EXPECT_EQ(ReadFile(directory_.Path("parts/model.safetensors")),
            ReadFile(directory_.Path("whole/model.safetensors")));
}

TEST_F(TrainProgramTest, GoesOnFromACheckpointsWeights) {
  const auto train = [&](std::vector<std::string> flags) {
    flags.emplace_back("--example=ex_1d");
    const Outcome outcome = Train(flags);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.errors;
    return ReferenceLoss(outcome);
  };
  const double trained = train({"--iterations=300", OutputFlag("old")});
  const std::string from = "--start_from=" + directory_.Path("old/model.pt");
  EXPECT_NEAR(train({"--iterations=1", "--learning_rate=1e-4", from, OutputFlag("new")}), trained,
              0.05);
  EXPECT_GT(train({"--iterations=1", OutputFlag("fresh")}), trained + 0.5);
}

TEST_F(TrainProgramTest, DoesNotReplaceAModelUnasked) {
  const std::vector<std::string> flags = {"--example=econ_density", "--rows=100", "--iterations=5",
                                          OutputFlag("out")};
  ASSERT_EQ(Train(flags).exit_code, 0);
  const Outcome refused = Train(flags);
  EXPECT_EQ(refused.exit_code, 73);
  EXPECT_EQ(refused.errors,
            absl::StrCat("mdn_train: ", directory_.Path("out/model.safetensors"),
                         " exists; expected --resume or --overwrite, or another --output\n"));
  auto overwrite = flags;
  overwrite.emplace_back("--overwrite");
  EXPECT_EQ(Train(overwrite).exit_code, 0);
}

TEST_F(TrainProgramTest, SaysBeforeTrainingThatItCannotWrite) {
  directory_.Write("file", "");
  const Outcome outcome = Train({"--example=ex_1d", OutputFlag("file/out")});
  EXPECT_EQ(outcome.exit_code, 73);
  EXPECT_THAT(outcome.errors, HasSubstr("cannot be written: Not a directory"));
  EXPECT_THAT(outcome.lines, ElementsAre());
}

TEST_F(TrainProgramTest, RefusesToResumeAnotherTraining) {
  const std::vector<std::string> flags = {"--example=econ_density", "--rows=100", "--iterations=5",
                                          OutputFlag("out")};
  ASSERT_EQ(Train(flags).exit_code, 0);
  auto other = flags;
  other.insert(other.end(), {"--resume", "--hidden=9"});
  const Outcome outcome = Train(other);
  EXPECT_EQ(outcome.exit_code, 65);
  EXPECT_THAT(outcome.errors,
              HasSubstr("it is of a training with hidden_dim 64; this one has hidden_dim 9"));
  const Outcome nothing = Train({"--example=ex_1d", OutputFlag("none"), "--resume"});
  EXPECT_EQ(nothing.exit_code, 66);
  EXPECT_THAT(nothing.errors, HasSubstr("no such file; nothing to resume"));
}

TEST_F(TrainProgramTest, RefusesBadDataAndBadFlags) {
  const std::string path = directory_.Write("data.csv", "a,b\n1,2\n3,x\n");
  const Outcome data = Train({"--data=" + path, "--x=a", "--y=b", OutputFlag("out")});
  EXPECT_EQ(data.exit_code, 65);
  EXPECT_EQ(data.errors,
            absl::StrCat("mdn_train: ", path, ": line 3: column 'b' is 'x'; expected a number\n"));
  EXPECT_EQ(Train({"--data=/nowhere", "--x=a", "--y=b", OutputFlag("out")}).exit_code, 66);
  EXPECT_EQ(Train({"--exampel=ex_1d"}).exit_code, 64);
  const Outcome large = Train({"--example=ex_1d", "--hidden=1000000", OutputFlag("out")});
  EXPECT_EQ(large.exit_code, 64);
  EXPECT_THAT(large.errors, HasSubstr("expected at most 1e+09\n"));
  EXPECT_EQ(Train({"--help"}).exit_code, 0);
}

}  // namespace
}  // namespace mdn

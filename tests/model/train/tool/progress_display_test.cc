#include "model/train/tool/progress_display.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <string>

namespace mdn::train {
namespace {

TEST(ProgressDisplayTest, DrawsABarOfItsShare) {
  EXPECT_EQ(ProgressBar(0, 100, 12), "[>         ]");
  EXPECT_EQ(ProgressBar(55, 100, 12), "[=====>    ]");
  EXPECT_EQ(ProgressBar(100, 100, 12), "[==========]");
}

TEST(ProgressDisplayTest, SaysLossLikelihoodSpeedAndTime) {
  TrainingProgress progress;
  progress.iteration = 500;
  progress.loss = 0.25;
  // log-likelihood in the data's units: -loss - log y_scale.
  const DisplayOptions options{2000, 512, 1.5};
  EXPECT_EQ(ProgressText(progress, options, 0, absl::Seconds(4)),
            "iteration 500/2000  loss 0.2500  log-likelihood -1.7500  64000 rows/s  0:12 left");
  progress.validation_loss = 0.5;
  EXPECT_EQ(ProgressText(progress, options, 400, absl::Seconds(400)),
            "iteration 500/2000  loss 0.2500  log-likelihood -1.7500, validation -2.0000  "
            "128 rows/s  1:40:00 left");
}

TEST(ProgressDisplayTest, WritesALineAHundredIterationsWhereThereIsNoTerminal) {
  std::FILE* file = std::tmpfile();
  const absl::Time start = absl::UnixEpoch();
  ProgressDisplay display(file, {250, 1, 0}, 0, start);
  TrainingProgress progress;
  for (progress.iteration = 1; progress.iteration <= 250; ++progress.iteration) {
    display.Show(progress, start + absl::Seconds(1));
  }
  progress.iteration = 250;
  display.End(progress, start + absl::Seconds(1));
  std::rewind(file);
  std::string text(1000, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), file));
  std::fclose(file);
  EXPECT_EQ(text,
            "iteration 100/250  loss 0.0000  log-likelihood -0.0000  100 rows/s  0:01 left\n"
            "iteration 200/250  loss 0.0000  log-likelihood -0.0000  200 rows/s  0:00 left\n"
            "iteration 250/250  loss 0.0000  log-likelihood -0.0000  250 rows/s  0:00 left\n");
}

}  // namespace
}  // namespace mdn::train

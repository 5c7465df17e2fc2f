#include "model/train/tool/progress_display.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
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
  EXPECT_EQ(ProgressText(progress, options, 0, absl::Seconds(4), Detail::kFull),
            "iteration 500/2000  loss 0.2500  log-likelihood -1.7500  64000 rows/s  0:12 left");
  progress.validation_loss = 0.5;
  EXPECT_EQ(ProgressText(progress, options, 400, absl::Seconds(400), Detail::kFull),
            "iteration 500/2000  loss 0.2500  log-likelihood -1.7500, validation -2.0000  "
            "128 rows/s  1:40:00 left");
}

TEST(ProgressDisplayTest, FitsBarLossLikelihoodSpeedAndTimeIntoAnyUsualTerminal) {
  TrainingProgress progress;
  progress.iteration = 5000;
  progress.loss = 0.25;
  progress.validation_loss = 0.5;
  const DisplayOptions options{20000, 512, 1.5};
  const auto line = [&](int columns) {
    return ProgressLine(progress, options, 0, absl::Seconds(40), columns);
  };
  EXPECT_EQ(line(140),
            "[=====>                ] iteration 5000/20000  loss 0.2500  log-likelihood -1.7500, "
            "validation -2.0000  64000 rows/s  2:00 left");
  EXPECT_EQ(line(95),
            "[===>          ] 5000/20000  loss 0.2500  log-lik. -1.7500, val. -2.0000  64k rows/s  "
            "2:00 left");
  EXPECT_EQ(line(79),
            "[===>        ] 5000/20000  loss 0.2500  log-lik. -1.7500  64k rows/s  2:00 left");
  EXPECT_EQ(line(20), "5000/20000  loss 0.2");
}

TEST(ProgressDisplayTest, LeavesSpeedAndTimeOutBeforeTheFirstStep) {
  TrainingProgress progress;
  progress.iteration = 2000;
  EXPECT_EQ(ProgressText(progress, {2000, 512, 0}, 2000, absl::Seconds(1), Detail::kFull),
            "iteration 2000/2000  loss 0.0000  log-likelihood -0.0000");
}

TEST(ProgressDisplayTest, ShortensNumbersOfATrainingThatDiverges) {
  EXPECT_EQ(Nats(-1.23456), "-1.2346");
  EXPECT_EQ(Nats(1e30), "1e+30");
}

/// A terminal of 80 columns. Thread-compatible.
class Terminal {
 public:
  Terminal() : master_(posix_openpt(O_RDWR | O_NOCTTY)) {
    EXPECT_EQ(grantpt(master_), 0);
    EXPECT_EQ(unlockpt(master_), 0);
    file_ = std::fopen(ptsname(master_), "w");
    const winsize size = {24, 80, 0, 0};
    EXPECT_EQ(ioctl(master_, TIOCSWINSZ, &size), 0);
  }
  ~Terminal() {
    std::fclose(file_);
    close(master_);
  }

  std::FILE* file() const { return file_; }

  std::string Read() const {
    std::fflush(file_);
    std::string text(4096, '\0');
    text.resize(static_cast<size_t>(read(master_, text.data(), text.size())));
    return text;
  }

 private:
  const int master_;
  std::FILE* file_ = nullptr;
};

TEST(ProgressDisplayTest, DrawsOneLineOverAndOverInATerminal) {
  const Terminal terminal;
  const absl::Time start = absl::UnixEpoch();
  ProgressDisplay display(terminal.file(), {2000, 512, 0}, 0, start);
  TrainingProgress progress;
  progress.iteration = 1000;
  display.Show(progress, start + absl::Seconds(4));
  const std::string line =
      "\r[======>     ] 1000/2000  loss 0.0000  log-lik. -0.0000  128k rows/s  0:04 left\033[K";
  EXPECT_EQ(terminal.Read(), line);
  // Too soon to be drawn again.
  display.Show(progress, start + absl::Seconds(4) + absl::Milliseconds(99));
  display.End(progress, start + absl::Seconds(4));
  EXPECT_EQ(terminal.Read(), line + "\r\n");
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

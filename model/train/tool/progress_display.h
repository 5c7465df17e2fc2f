#ifndef MDN_MODEL_TRAIN_TOOL_PROGRESS_DISPLAY_H_
#define MDN_MODEL_TRAIN_TOOL_PROGRESS_DISPLAY_H_

#include <cstdint>
#include <cstdio>
#include <string>

#include "absl/time/time.h"
#include "model/train/trainer.h"

namespace mdn::train {

/// What the display says besides the progress.
struct DisplayOptions {
  int64_t iterations = 0;
  /// Rows that each step takes.
  int64_t batch_rows = 0;
  /// sum log y_scale: log-likelihoods are shown in the data's units.
  double log_y_scale = 0;
};

/// Shows a training while it runs: one line with a bar, drawn over and over, where the stream is a
/// terminal, and a line every hundredth iteration, or rarer, where it is not. Confined to one
/// thread.
class ProgressDisplay {
 public:
  /// `now` is when the training began, or went on.
  ProgressDisplay(std::FILE* stream, const DisplayOptions& options, int64_t first_iteration,
                  absl::Time now);

  void Show(const TrainingProgress& progress, absl::Time now);
  /// Leaves the last state on a line of its own.
  void End(const TrainingProgress& progress, absl::Time now);

 private:
  void Draw(const TrainingProgress& progress, absl::Time now);
  void Write(const TrainingProgress& progress, absl::Time now);

  std::FILE* const stream_;
  const DisplayOptions options_;
  const bool is_terminal_;
  const int64_t first_iteration_;
  const absl::Time start_;
  absl::Time drawn_ = absl::InfinitePast();
};

/// How much of the progress a text has room for.
enum class Detail { kFull, kShort, kShortest };

/// "iteration 100/2000  loss -0.1234  log-likelihood 0.12, validation 0.11  51200 rows/s  0:04
/// left"; kShort in fewer letters, kShortest also without the validation rows' likelihood.
std::string ProgressText(const TrainingProgress& progress, const DisplayOptions& options,
                         int64_t first_iteration, absl::Duration elapsed, Detail detail);

/// A bar and the longest of these texts that fits into `columns` beside it.
std::string ProgressLine(const TrainingProgress& progress, const DisplayOptions& options,
                         int64_t first_iteration, absl::Duration elapsed, int columns);

/// "[=====>    ]", `done` of `all`, in `width` characters.
std::string ProgressBar(int64_t done, int64_t all, int width);

/// A loss or likelihood: "-1.2345", or "1e+30" where so many digits would say nothing.
std::string Nats(double value);

}  // namespace mdn::train

#endif  // MDN_MODEL_TRAIN_TOOL_PROGRESS_DISPLAY_H_

#include "model/train/tool/progress_display.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace mdn::train {
namespace {

constexpr absl::Duration kRedraw = absl::Milliseconds(100);
constexpr int64_t kLineIterations = 100;
constexpr int64_t kMostLines = 50;
constexpr int kShortestBar = 10;
constexpr int kLongestBar = 24;

int TerminalColumns(std::FILE* stream) {
  constexpr int kUsual = 80;
  winsize size{};
  return ioctl(fileno(stream), TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : kUsual;
}

// Hours only where there are some: 0:04, 12:34, 1:02:03.
std::string Clock(absl::Duration duration) {
  const int64_t seconds = absl::ToInt64Seconds(duration);
  if (seconds < 3600) return absl::StrFormat("%d:%02d", seconds / 60, seconds % 60);
  return absl::StrFormat("%d:%02d:%02d", seconds / 3600, seconds / 60 % 60, seconds % 60);
}

std::string Speed(double rows_per_second, Detail detail) {
  constexpr double kThousand = 1000;
  return detail == Detail::kFull || rows_per_second < 10 * kThousand
             ? absl::StrFormat("%.0f rows/s", rows_per_second)
             : absl::StrFormat("%.0fk rows/s", rows_per_second / kThousand);
}

}  // namespace

std::string Nats(double value) {
  constexpr double kReadable = 1e6;
  return std::abs(value) < kReadable ? absl::StrFormat("%.4f", value)
                                     : absl::StrFormat("%.3g", value);
}

std::string ProgressBar(int64_t done, int64_t all, int width) {
  const int inside = width - 2;
  const int filled = static_cast<int>(inside * done / std::max<int64_t>(all, 1));
  std::string bar(inside, ' ');
  std::fill_n(bar.begin(), filled, '=');
  if (filled < inside) bar[filled] = '>';
  return absl::StrCat("[", bar, "]");
}

std::string ProgressText(const TrainingProgress& progress, const DisplayOptions& options,
                         int64_t first_iteration, absl::Duration elapsed, Detail detail) {
  const bool is_full = detail == Detail::kFull;
  std::string text =
      absl::StrCat(is_full ? "iteration " : "", progress.iteration, "/", options.iterations,
                   "  loss ", Nats(progress.loss), is_full ? "  log-likelihood " : "  log-lik. ",
                   Nats(-progress.loss - options.log_y_scale));
  if (progress.validation_loss.has_value() && detail != Detail::kShortest) {
    absl::StrAppend(&text, is_full ? ", validation " : ", val. ",
                    Nats(-*progress.validation_loss - options.log_y_scale));
  }
  const int64_t done = progress.iteration - first_iteration;
  const double seconds = absl::ToDoubleSeconds(elapsed);
  if (done == 0 || seconds <= 0) return text;
  const double rows = static_cast<double>(done * options.batch_rows);
  return absl::StrCat(text, "  ", Speed(rows / seconds, detail), "  ",
                      Clock(elapsed * (options.iterations - progress.iteration) / done), " left");
}

std::string ProgressLine(const TrainingProgress& progress, const DisplayOptions& options,
                         int64_t first_iteration, absl::Duration elapsed, int columns) {
  std::string text;
  int bar = 0;
  for (const Detail detail : {Detail::kFull, Detail::kShort, Detail::kShortest}) {
    text = ProgressText(progress, options, first_iteration, elapsed, detail);
    bar = columns - static_cast<int>(text.size()) - 1;
    if (bar >= kShortestBar) break;
  }
  if (bar < kShortestBar) return text.substr(0, std::max(columns, 0));
  return absl::StrCat(
      ProgressBar(progress.iteration, options.iterations, std::min(bar, kLongestBar)), " ", text);
}

ProgressDisplay::ProgressDisplay(std::FILE* stream, const DisplayOptions& options,
                                 int64_t first_iteration, absl::Time now)
    : stream_(stream),
      options_(options),
      is_terminal_(isatty(fileno(stream)) != 0),
      first_iteration_(first_iteration),
      start_(now) {}

void ProgressDisplay::Draw(const TrainingProgress& progress, absl::Time now) {
  // A line that wraps could not be drawn over.
  const std::string line = ProgressLine(progress, options_, first_iteration_, now - start_,
                                        TerminalColumns(stream_) - 1);
  std::fprintf(stream_, "\r%s\033[K", line.c_str());
  std::fflush(stream_);
  drawn_ = now;
}

void ProgressDisplay::Write(const TrainingProgress& progress, absl::Time now) {
  const std::string line =
      ProgressText(progress, options_, first_iteration_, now - start_, Detail::kFull);
  std::fprintf(stream_, "%s\n", line.c_str());
}

void ProgressDisplay::Show(const TrainingProgress& progress, absl::Time now) {
  if (is_terminal_) {
    if (now - drawn_ >= kRedraw) Draw(progress, now);
    return;
  }
  const int64_t every = std::max(kLineIterations, options_.iterations / kMostLines);
  if (progress.iteration % every != 0 || progress.iteration == options_.iterations) return;
  Write(progress, now);
}

void ProgressDisplay::End(const TrainingProgress& progress, absl::Time now) {
  if (is_terminal_) {
    Draw(progress, now);
    std::fprintf(stream_, "\n");
  } else {
    Write(progress, now);
  }
}

}  // namespace mdn::train

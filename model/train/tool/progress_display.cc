#include "model/train/tool/progress_display.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace mdn::train {
namespace {

constexpr absl::Duration kRedraw = absl::Milliseconds(100);
constexpr int64_t kLineIterations = 100;
constexpr int64_t kMostLines = 50;
constexpr int kBarWidth = 24;

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

std::string Remaining(int64_t done, int64_t left, absl::Duration elapsed) {
  return done == 0 ? "" : absl::StrCat("  ", Clock(elapsed * left / done), " left");
}

}  // namespace

std::string ProgressBar(int64_t done, int64_t all, int width) {
  const int inside = width - 2;
  const int filled = static_cast<int>(inside * done / std::max<int64_t>(all, 1));
  std::string bar(inside, ' ');
  std::fill_n(bar.begin(), filled, '=');
  if (filled < inside) bar[filled] = '>';
  return absl::StrCat("[", bar, "]");
}

std::string ProgressText(const TrainingProgress& progress, const DisplayOptions& options,
                         int64_t first_iteration, absl::Duration elapsed) {
  const int64_t done = progress.iteration - first_iteration;
  std::string text = absl::StrFormat("iteration %d/%d  loss %.4f  log-likelihood %.4f",
                                     progress.iteration, options.iterations, progress.loss,
                                     -progress.loss - options.log_y_scale);
  if (progress.validation_loss.has_value()) {
    absl::StrAppendFormat(&text, ", validation %.4f",
                          -*progress.validation_loss - options.log_y_scale);
  }
  const double seconds = absl::ToDoubleSeconds(elapsed);
  if (seconds > 0) {
    absl::StrAppendFormat(&text, "  %.0f rows/s",
                          static_cast<double>(done * options.batch_rows) / seconds);
  }
  return text + Remaining(done, options.iterations - progress.iteration, elapsed);
}

ProgressDisplay::ProgressDisplay(std::FILE* stream, const DisplayOptions& options,
                                 int64_t first_iteration, absl::Time now)
    : stream_(stream),
      options_(options),
      is_terminal_(isatty(fileno(stream)) != 0),
      first_iteration_(first_iteration),
      start_(now) {}

std::string ProgressDisplay::Line(const TrainingProgress& progress, absl::Time now) const {
  return ProgressText(progress, options_, first_iteration_, now - start_);
}

void ProgressDisplay::Draw(const TrainingProgress& progress, absl::Time now) {
  std::string line = absl::StrCat(
      ProgressBar(progress.iteration, options_.iterations, kBarWidth), " ", Line(progress, now));
  // A line that wraps could not be drawn over.
  line.resize(std::min<size_t>(line.size(), std::max(TerminalColumns(stream_) - 1, 1)));
  std::fprintf(stream_, "\r%s\033[K", line.c_str());
  std::fflush(stream_);
  drawn_ = now;
}

void ProgressDisplay::Show(const TrainingProgress& progress, absl::Time now) {
  if (is_terminal_) {
    if (now - drawn_ >= kRedraw) Draw(progress, now);
    return;
  }
  const int64_t every = std::max(kLineIterations, options_.iterations / kMostLines);
  if (progress.iteration % every != 0 || progress.iteration == options_.iterations) return;
  std::fprintf(stream_, "%s\n", Line(progress, now).c_str());
}

void ProgressDisplay::End(const TrainingProgress& progress, absl::Time now) {
  if (is_terminal_) {
    Draw(progress, now);
    std::fprintf(stream_, "\n");
  } else {
    std::fprintf(stream_, "%s\n", Line(progress, now).c_str());
  }
}

}  // namespace mdn::train

#include "client/tool/gnuplot.h"

#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

extern char** environ;

namespace mdn::tool {
namespace {

constexpr absl::Duration kMostTime = absl::Minutes(1);

// Colours of matplotlib's viridis, sampled.
constexpr char kViridis[] =
    "set palette defined (0 '#440154', 1 '#472c7a', 2 '#3b518b', 3 '#2c718e', 4 '#21908d', "
    "5 '#27ad81', 6 '#5cc863', 7 '#aadc32', 8 '#fde725')\n";
constexpr char kBlues[] =
    "set palette defined (0 '#ffffff', 1 '#e8f0f9', 2 '#c9dcf0', 4 '#8fbbdd', 7 '#4a8fc5', "
    "10 '#1c5f9f')\n";
constexpr char kObservedColour[] = "#80222222", kSampledColour[] = "#70e6550d",
               kMeanColour[] = "#c0143c", kBandColour[] = "#14325a";

std::string Quoted(const std::string& text) {
  return absl::StrCat("'", absl::StrReplaceAll(text, {{"'", "''"}, {"\n", " "}, {"\r", " "}}),
                      "'");
}

void AppendPoints(const std::string& name, const std::vector<Point>& points, std::string& script) {
  if (points.empty()) return;
  absl::StrAppend(&script, name, " << EOD\n");
  for (const Point& point : points) absl::StrAppendFormat(&script, "%.7g %.7g\n", point.x, point.y);
  script += "EOD\n";
}

// x, lower limit, upper limit.
void AppendBand(const std::string& name, const Panel& panel, std::string& script) {
  if (panel.lower.empty()) return;
  absl::StrAppend(&script, name, " << EOD\n");
  for (size_t i = 0; i < panel.lower.size(); ++i) {
    absl::StrAppendFormat(&script, "%.7g %.7g %.7g\n", panel.lower[i].x, panel.lower[i].y,
                          panel.upper[i].y);
  }
  script += "EOD\n";
}

// A line for each row of cells.
void AppendHeat(const std::string& name, const HeatMap& heat, std::string& script) {
  absl::StrAppend(&script, name, " << EOD\n");
  for (int row = 0; row < heat.rows; ++row) {
    for (int column = 0; column < heat.columns; ++column) {
      absl::StrAppendFormat(&script, "%.4g ", heat.shades[row * heat.columns + column]);
    }
    script += '\n';
  }
  script += "EOD\n";
}

// Places the cells' middles in the ranges.
std::string HeatPlot(const std::string& name, const Figure& figure, const HeatMap& heat) {
  const double width = (figure.x.high - figure.x.low) / heat.columns;
  const double height = (figure.y.high - figure.y.low) / heat.rows;
  return absl::StrFormat("%s matrix using (%.9g+$1*%.9g):(%.9g+$2*%.9g):3 with image notitle",
                         name, figure.x.low + width / 2, width, figure.y.low + height / 2, height);
}

void AppendHistogram(const Figure& figure, const Panel& panel, std::string& script) {
  AppendHeat("$heat", panel.heat, script);
  absl::StrAppend(&script, kViridis, "unset border\nunset xtics\nunset ytics\nunset xlabel\n",
                  "unset ylabel\nunset key\n", "plot ", HeatPlot("$heat", figure, panel.heat),
                  "\n");
}

void AppendDensity(const Figure& figure, const Panel& panel, std::string& script) {
  AppendHeat("$heat", panel.heat, script);
  AppendPoints("$observed", panel.observed, script);
  AppendPoints("$sampled", panel.sampled, script);
  AppendPoints("$mean", panel.mean, script);
  AppendBand("$band", panel, script);
  absl::StrAppend(&script, kBlues, "set border 3 lc rgb '#555555'\n",
                  "set xtics nomirror out textcolor rgb '#555555'\n",
                  "set ytics nomirror out textcolor rgb '#555555'\n", "set xlabel ",
                  Quoted(figure.x_label), " offset 0,0.4\nset ylabel ", Quoted(figure.y_label),
                  " offset 1.5,0\n",
                  "set key below center horizontal maxrows 1 samplen 1 width -1 font ',9' "
                  "textcolor rgb '#333333'\n",
                  "plot ",
                  HeatPlot("$heat", figure, panel.heat));
  if (!panel.observed.empty()) {
    absl::StrAppend(&script, ", $observed with points pt 7 ps 0.4 lc rgb '", kObservedColour,
                    "' title 'observed'");
  }
  if (!panel.sampled.empty()) {
    absl::StrAppend(&script, ", $sampled with points pt 7 ps 0.4 lc rgb '", kSampledColour,
                    "' title 'sampled'");
  }
  if (!panel.lower.empty()) {
    absl::StrAppend(&script, ", $band using 1:2 with lines lw 1.5 dt 2 lc rgb '", kBandColour,
                    "' title 'central 90 %', $band using 1:3 with lines lw 1.5 dt 2 lc rgb '",
                    kBandColour, "' notitle");
  }
  if (!panel.mean.empty()) {
    absl::StrAppend(&script, ", $mean with lines lw 2 lc rgb '", kMeanColour, "' title 'mean'");
  }
  script += '\n';
}

// The same room for every panel, whatever stands around it.
std::string Margins(const Figure& figure, size_t panel) {
  constexpr double kLeft = 0.16, kRight = 0.97;
  const auto share = [&](double place) {
    return (static_cast<double>(panel) + place) / static_cast<double>(figure.panels.size());
  };
  const bool has_axes =
      std::any_of(figure.panels.begin(), figure.panels.end(),
                  [](const Panel& each) { return each.kind == PanelKind::kDensity; });
  return absl::StrFormat(
      "set lmargin at screen %.4f\nset rmargin at screen %.4f\n"
      "set tmargin at screen %.2f\nset bmargin at screen %.2f\n",
      share(kLeft), share(kRight), figure.title.empty() ? 0.89 : 0.84, has_axes ? 0.23 : 0.05);
}

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, CloseFile>;

std::string Contents(std::FILE* file) {
  std::string text;
  char buffer[1 << 14];
  std::rewind(file);
  while (const size_t size = std::fread(buffer, 1, sizeof(buffer), file)) text.append(buffer, size);
  return text;
}

// The first line that says something; gnuplot repeats the script around it.
std::string FirstLine(const std::string& errors) {
  constexpr size_t kMost = 200;
  for (const char* marker : {"line ", "gnuplot"}) {
    const size_t begin = errors.find(marker);
    if (begin == std::string::npos) continue;
    return errors.substr(begin, std::min(errors.find('\n', begin) - begin, kMost));
  }
  return "it says nothing";
}

// The exit status, as waitpid gives it, or -1 when the time is up, and the process ended.
int AwaitEnd(pid_t process) {
  constexpr absl::Duration kLook = absl::Milliseconds(5);
  const absl::Time deadline = absl::Now() + kMostTime;
  int status = 0;
  while (waitpid(process, &status, WNOHANG) == 0) {
    if (absl::Now() >= deadline) {
      kill(process, SIGKILL);
      waitpid(process, &status, 0);
      return -1;
    }
    absl::SleepFor(kLook);
  }
  return status;
}

// 0, or an errno.
int Spawn(std::FILE* input, std::FILE* output, std::FILE* errors, pid_t* process) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, fileno(input), 0);
  posix_spawn_file_actions_adddup2(&actions, fileno(output), 1);
  posix_spawn_file_actions_adddup2(&actions, fileno(errors), 2);
  char program[] = "gnuplot";
  // Without the user's own settings.
  char defaults[] = "-d";
  char standard_input[] = "-";
  char* const arguments[] = {program, defaults, standard_input, nullptr};
  const int error = posix_spawnp(process, program, &actions, nullptr, arguments, environ);
  posix_spawn_file_actions_destroy(&actions);
  return error;
}

}  // namespace

std::string GnuplotScript(const Figure& figure, const PictureOptions& options) {
  std::string script = absl::StrFormat(
      "set terminal %s size %d,%d background rgb 'white' font 'DejaVu Sans,%d' noenhanced\n"
      "set encoding utf8\n"
      "set xrange [%.9g:%.9g]\nset yrange [%.9g:%.9g]\nset cbrange [0:1]\nunset colorbox\n",
      options.format == PictureFormat::kPng ? "pngcairo" : "svg", options.width, options.height,
      options.format == PictureFormat::kPng ? 10 : 13, figure.x.low, figure.x.high, figure.y.low,
      figure.y.high);
  absl::StrAppendFormat(&script, "set multiplot layout 1,%d", figure.panels.size());
  if (!figure.title.empty()) absl::StrAppend(&script, " title ", Quoted(figure.title));
  script += '\n';
  for (size_t i = 0; i < figure.panels.size(); ++i) {
    const Panel& panel = figure.panels[i];
    script += Margins(figure, i);
    absl::StrAppend(&script, "set title ", Quoted(panel.title), " offset 0,-0.4\n");
    if (panel.kind == PanelKind::kHistogram) {
      AppendHistogram(figure, panel, script);
    } else {
      AppendDensity(figure, panel, script);
    }
  }
  return absl::StrCat(script, "unset multiplot\n");
}

absl::StatusOr<std::string> RunGnuplot(const std::string& script) {
  const File input(std::tmpfile()), output(std::tmpfile()), errors(std::tmpfile());
  if (!input || !output || !errors ||
      std::fwrite(script.data(), 1, script.size(), input.get()) != script.size() ||
      std::fflush(input.get()) != 0) {
    return absl::InternalError(
        absl::StrCat("cannot write a temporary file: ", std::strerror(errno)));
  }
  std::rewind(input.get());
  pid_t process = 0;
  const int error = Spawn(input.get(), output.get(), errors.get(), &process);
  if (error == ENOENT) {
    return absl::FailedPreconditionError(
        "gnuplot draws the pictures, and is not installed; on Debian: apt-get install "
        "gnuplot-nox");
  }
  if (error != 0) return absl::InternalError(absl::StrCat("gnuplot: ", std::strerror(error)));
  const int status = AwaitEnd(process);
  if (status == -1) {
    return absl::DeadlineExceededError(
        absl::StrCat("gnuplot did not end within ", absl::FormatDuration(kMostTime)));
  }
  std::string picture = Contents(output.get());
  if (status == 0 && !picture.empty()) return picture;
  return absl::InternalError(
      absl::StrCat("gnuplot failed: ", FirstLine(Contents(errors.get()))));
}

}  // namespace mdn::tool

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
#include "absl/strings/str_join.h"
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
// One blue, as opaque as the density is high: red, green, blue and alpha.
constexpr char kBlues[] = "(23):(84):(148):(255*$3) with rgbalpha";
// Alpha first, where it stands: 00 is opaque.
constexpr char kObservedColour[] = "#80222222", kSampledColour[] = "#70e6550d",
               kMeanColour[] = "#c0143c", kBandColour[] = "#b0f2b544", kLimitColour[] = "#60b06a00";

constexpr char kAxes[] =
    "set border 3 lc rgb '#555555'\n"
    "set xtics nomirror out textcolor rgb '#555555'\n"
    "set ytics nomirror out textcolor rgb '#555555'\n"
    "set key textcolor rgb '#333333'";

std::string Quoted(const std::string& text) {
  return absl::StrCat("'", absl::StrReplaceAll(text, {{"'", "''"}, {"\n", " "}, {"\r", " "}}), "'");
}

void AppendPoints(const std::string& name, const std::vector<Point>& points, std::string& script) {
  if (points.empty()) return;
  absl::StrAppend(&script, name, " << EOD\n");
  for (const Point& point : points) absl::StrAppendFormat(&script, "%.7g %.7g\n", point.x, point.y);
  script += "EOD\n";
}

// x, lower limit, upper limit.
void AppendBand(const Panel& panel, std::string& script) {
  if (panel.lower.empty()) return;
  script += "$band << EOD\n";
  for (size_t i = 0; i < panel.lower.size(); ++i) {
    absl::StrAppendFormat(&script, "%.7g %.7g %.7g\n", panel.lower[i].x, panel.lower[i].y,
                          panel.upper[i].y);
  }
  script += "EOD\n";
}

// A line for each row of cells.
void AppendHeat(const HeatMap& heat, std::string& script) {
  script += "$heat << EOD\n";
  for (int row = 0; row < heat.rows; ++row) {
    for (int column = 0; column < heat.columns; ++column) {
      absl::StrAppendFormat(&script, "%.4g ", heat.shades[row * heat.columns + column]);
    }
    script += '\n';
  }
  script += "EOD\n";
}

// Places the cells' middles in the ranges; `colours` are functions of the shade $3.
std::string HeatPlot(const Figure& figure, const HeatMap& heat, const char* colours) {
  const double width = (figure.x.high - figure.x.low) / heat.columns;
  const double height = (figure.y.high - figure.y.low) / heat.rows;
  return absl::StrFormat("$heat matrix using (%.9g+$1*%.9g):(%.9g+$2*%.9g):%s notitle",
                         figure.x.low + width / 2, width, figure.y.low + height / 2, height,
                         colours);
}

// In SVG as rectangles: viewers smooth the pixels of an image. In PNG those would have seams.
void AppendHistogram(const Figure& figure, const Panel& panel, PictureFormat format,
                     std::string& script) {
  AppendHeat(panel.heat, script);
  absl::StrAppend(&script, kViridis, "plot ",
                  HeatPlot(figure, panel.heat,
                           format == PictureFormat::kSvg ? "3 with image pixels" : "3 with image"),
                  "\n");
}

// From the back: the band, the density, which lets the band through where it is low, the points,
// and the mean.
void AppendDensity(const Figure& figure, const Panel& panel, std::string& script) {
  AppendBand(panel, script);
  AppendHeat(panel.heat, script);
  AppendPoints("$observed", panel.observed, script);
  AppendPoints("$sampled", panel.sampled, script);
  AppendPoints("$mean", panel.mean, script);
  const bool has_band = !panel.lower.empty();
  std::vector<std::string> layers;
  if (has_band) {
    layers.push_back(absl::StrCat("$band with filledcurves fill solid noborder lc rgb '",
                                  kBandColour, "' title 'central 90 %'"));
  }
  layers.push_back(HeatPlot(figure, panel.heat, kBlues));
  if (has_band) {
    for (const char* limit : {"2", "3"}) {
      layers.push_back(absl::StrCat("$band using 1:", limit, " with lines lw 1 lc rgb '",
                                    kLimitColour, "' notitle"));
    }
  }
  const auto add_points = [&layers](const char* name, const char* colour,
                                    const std::string& title) {
    layers.push_back(absl::StrCat("$", name, " with points pt 7 ps 0.4 lc rgb '", colour,
                                  "' title ", Quoted(title)));
  };
  if (!panel.observed.empty()) add_points("observed", kObservedColour, panel.observed_title);
  if (!panel.sampled.empty()) add_points("sampled", kSampledColour, "sampled");
  if (!panel.mean.empty()) {
    layers.push_back(absl::StrCat("$mean with lines lw 2 lc rgb '", kMeanColour, "' title 'mean'"));
  }
  absl::StrAppend(&script, "plot ", absl::StrJoin(layers, ", "), "\n");
}

// Room for the titles, the axes' numbers and names, and the key, in pixels of either format.
struct Room {
  int left = 66, right = 14, top = 36, bottom = 84, title = 28, key = 14;
};

// The same room around every panel, and the key's place below it.
std::string Margins(const Figure& figure, const PictureOptions& options, size_t panel) {
  const Room room;
  const double width = static_cast<double>(options.width) / figure.panels.size();
  const double from = width * panel + room.left, to = width * (panel + 1) - room.right;
  const int top = room.top + (figure.title.empty() ? 0 : room.title);
  return absl::StrFormat(
      "set lmargin at screen %.4f\nset rmargin at screen %.4f\n"
      "set tmargin at screen %.4f\nset bmargin at screen %.4f\n"
      "set key at screen %.4f, screen %.4f center horizontal maxrows 1 samplen 0.8 width -3\n",
      from / options.width, to / options.width, 1 - static_cast<double>(top) / options.height,
      static_cast<double>(room.bottom) / options.height, (from + to) / 2 / options.width,
      static_cast<double>(room.key) / options.height);
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
  const bool is_png = options.format == PictureFormat::kPng;
  std::string script = absl::StrFormat(
      "set terminal %s size %d,%d background rgb 'white' font 'DejaVu Sans,%d' noenhanced\n"
      "set encoding utf8\n"
      "set xrange [%.9g:%.9g]\nset yrange [%.9g:%.9g]\nset cbrange [0:1]\nunset colorbox\n",
      is_png ? "pngcairo" : "svg", options.width, options.height, is_png ? 10 : 13, figure.x.low,
      figure.x.high, figure.y.low, figure.y.high);
  absl::StrAppend(&script, kAxes, is_png ? " font ',9'\n" : " font ',12'\n", "set xlabel ",
                  Quoted(figure.x_label), " offset 0,0.5\n", "set ylabel ", Quoted(figure.y_label),
                  " offset 1,0\n");
  absl::StrAppendFormat(&script, "set multiplot layout 1,%d", figure.panels.size());
  if (!figure.title.empty()) absl::StrAppend(&script, " title ", Quoted(figure.title));
  script += '\n';
  for (size_t i = 0; i < figure.panels.size(); ++i) {
    const Panel& panel = figure.panels[i];
    absl::StrAppend(&script, Margins(figure, options, i), "set title ", Quoted(panel.title),
                    " offset 0,-0.4\n");
    if (panel.kind == PanelKind::kHistogram) {
      AppendHistogram(figure, panel, options.format, script);
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
  return absl::InternalError(absl::StrCat("gnuplot failed: ", FirstLine(Contents(errors.get()))));
}

}  // namespace mdn::tool

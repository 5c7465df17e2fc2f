#include <sys/ioctl.h>
#include <unistd.h>

#include <CLI/App.hpp>
#include <CLI/Error.hpp>
#include <CLI/Validators.hpp>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "client/tool/command.h"
#include "client/tool/exit_code.h"
#include "client/tool/gnuplot.h"
#include "client/tool/plot_data.h"
#include "client/tool/seed.h"
#include "client/tool/terminal_figure.h"

namespace mdn::tool {
namespace {

struct PlotFlags {
  PlotRequest request;
  std::string output;
  PictureOptions picture;
};

Range ParseRange(const char* flag, const std::string& text) {
  const std::vector<std::string> ends = absl::StrSplit(text, ':');
  Range range;
  if (ends.size() == 2 && absl::SimpleAtod(ends[0], &range.low) &&
      absl::SimpleAtod(ends[1], &range.high) && std::isfinite(range.low) &&
      std::isfinite(range.high) && range.low < range.high) {
    return range;
  }
  throw CLI::ValidationError(flag, absl::StrCat("\"", text, "\" is no range such as -1:2.5"));
}

std::vector<PanelName> ParsePanels(const std::string& text) {
  constexpr size_t kMost = 6;
  std::vector<PanelName> panels;
  for (const absl::string_view name : absl::StrSplit(text, ',')) {
    if (name == "observed") {
      panels.push_back(PanelName::kObserved);
    } else if (name == "sampled") {
      panels.push_back(PanelName::kSampled);
    } else if (name == "density") {
      panels.push_back(PanelName::kDensity);
    } else {
      throw CLI::ValidationError(
          "--panels", absl::StrCat("\"", name, "\" is none of observed, sampled, density"));
    }
  }
  if (panels.size() > kMost) {
    throw CLI::ValidationError("--panels", absl::StrCat("more than ", kMost));
  }
  return panels;
}

PictureFormat ParseFormat(const std::string& file) {
  if (absl::EndsWithIgnoreCase(file, ".png")) return PictureFormat::kPng;
  if (absl::EndsWithIgnoreCase(file, ".svg")) return PictureFormat::kSvg;
  throw CLI::ValidationError("--output",
                             absl::StrCat("\"", file, "\" ends neither in .png nor in .svg"));
}

void CheckTogether(const PlotRequest& request) {
  if (!request.data.empty()) return;
  if (!request.columns.empty()) throw CLI::ValidationError("--columns", "needs --data");
  if (!request.x_range) throw CLI::ValidationError("--x_range", "required without --data");
  for (const PanelName panel : request.panels) {
    if (panel != PanelName::kObserved) continue;
    throw CLI::ValidationError("--panels", "observed needs --data");
  }
}

// Beside its place and then renamed, so that a failure leaves the picture that was there.
absl::Status WritePicture(const std::string& path, const std::string& picture) {
  const std::string part = absl::StrCat(path, ".part");
  std::ofstream file(part, std::ios::binary);
  file << picture;
  file.close();
  if (file && std::rename(part.c_str(), path.c_str()) == 0) return absl::OkStatus();
  const int error = errno;
  std::remove(part.c_str());
  return absl::InternalError(absl::StrCat("cannot write ", path, ": ", std::strerror(error)));
}

int TerminalColumns() {
  constexpr int kUsual = 80;
  winsize size{};
  return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : kUsual;
}

PictureOptions WithSize(PictureOptions picture, size_t panels) {
  constexpr int kPanelWidth = 450, kHeight = 400;
  if (picture.width == 0) picture.width = kPanelWidth * static_cast<int>(panels);
  if (picture.height == 0) picture.height = kHeight;
  return picture;
}

absl::Status Plot(const PlotFlags& flags, const Session& session) {
  const absl::StatusOr<Figure> figure = MakeFigure(flags.request, session);
  if (!figure.ok()) return figure.status();
  if (flags.output.empty()) {
    session.output.Write(TerminalText(*figure, TerminalColumns()));
    return absl::OkStatus();
  }
  const absl::StatusOr<std::string> picture =
      RunGnuplot(GnuplotScript(*figure, WithSize(flags.picture, figure->panels.size())));
  if (!picture.ok()) return picture.status();
  return WritePicture(flags.output, *picture);
}

void AddPictureFlags(CLI::App& command, PlotFlags* flags) {
  const CLI::Range pixels(100, 10000);
  command
      .add_option_function<std::string>(
          "--output",
          [flags](const std::string& file) {
            flags->picture.format = ParseFormat(file);
            flags->output = file;
          },
          "Picture to write, .png or .svg; without it, text for a terminal")
      ->type_name("FILE");
  command.add_option("--width", flags->picture.width, "Of the picture (default 450 a panel)")
      ->check(pixels)
      ->type_name("PIXELS");
  command.add_option("--height", flags->picture.height, "(default 400)")
      ->check(pixels)
      ->type_name("PIXELS");
  command.add_option("--title", flags->request.title, "Above the panels")->type_name("TEXT");
}

void AddRequestFlags(CLI::App& command, PlotRequest* request) {
  constexpr int64_t kMostSamples = 100'000;
  const CLI::Range index(int64_t{0}, int64_t{1} << 20);
  command
      .add_option("--data", request->data,
                  "Observations: CSV, each line x and then y, with or without headings; - for "
                  "standard input")
      ->type_name("FILE");
  command
      .add_option("--columns", request->columns,
                  "Of the observations, by their headings: those of x and then of y (default: all)")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name("NAMES");
  command
      .add_option_function<std::string>(
          "--panels", [request](const std::string& text) { request->panels = ParsePanels(text); },
          "Some of observed, sampled, density, separated by commas (default density)")
      ->type_name("LIST");
  command
      .add_option_function<std::string>(
          "--x_range",
          [request](const std::string& text) { request->x_range = ParseRange("--x_range", text); },
          "Of the x axis (default: the observations')")
      ->type_name("LOW:HIGH");
  command
      .add_option_function<std::string>(
          "--y_range",
          [request](const std::string& text) { request->y_range = ParseRange("--y_range", text); },
          "Of the y axis (default: the observations', or the central 99 % of the model)")
      ->type_name("LOW:HIGH");
  command.add_option("--feature", request->feature, "Which feature of x varies, counted from 0")
      ->check(index)
      ->type_name("I");
  command
      .add_option("--at", request->at, "A value for each feature; that of --feature is not used")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name("VALUES");
  command.add_option("--dimension", request->dimension, "Which dimension of y, counted from 0")
      ->check(index)
      ->type_name("D");
  command.add_option("--num_samples", request->num_samples, "Draws shown on the density")
      ->check(CLI::Range(int64_t{0}, kMostSamples))
      ->type_name("N")
      ->capture_default_str();
  command
      .add_option_function<std::string>(
          "--seed", [request](const std::string& text) { request->seed = ParseSeed(text); },
          "Of the draws: 0 to 2^64 - 1 (default 0)")
      ->type_name("N");
}

}  // namespace

Command AddPlot(CLI::App& tool) {
  CLI::App* command = tool.add_subcommand("plot", "A picture of p(y | x)");
  auto flags = std::make_shared<PlotFlags>();
  AddPictureFlags(*command, flags.get());
  AddRequestFlags(*command, &flags->request);
  command->callback([flags] { CheckTogether(flags->request); });
  command->footer(
      "The density's panel has p(y | x) as shades, the observations, draws, the mean and the "
      "limits\n"
      "of the central 90 %. Observed and sampled count the observations, and one draw at the x of\n"
      "each. Pictures are drawn by gnuplot.\n"
      "\n"
      "Examples:\n"
      "  mdn_client plot --x_range=-8:8\n"
      "  mdn_client plot --data=rides.csv --columns=hour,minutes --output=rides.png\n"
      "  mdn_client plot --data=ex_1d.csv --panels=observed,sampled --output=ex_1d.svg\n"
      "  mdn_client plot --feature=1 --at=0.5,0,2 --x_range=0:1 --dimension=2 --output=slice.png");
  return {command, [flags](const Session& session) { return Plot(*flags, session); }, ExitCode};
}

}  // namespace mdn::tool

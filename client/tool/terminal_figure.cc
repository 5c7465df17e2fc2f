#include "client/tool/terminal_figure.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"

namespace mdn::tool {
namespace {

constexpr absl::string_view kShades = " .:-=+*#%@";
// None of the shades.
constexpr char kObservedMark = 'o', kLimitMark = '~', kMeanMark = 'm';
constexpr int kMargin = 10;
constexpr int kLines = 20;
constexpr int kLeastColumns = 20;
constexpr int kMostColumns = 100;

// The greatest shade of the map's cells below a character's cell: narrow ridges must not vanish.
double ShadeOf(const HeatMap& heat, int line, int column, int columns) {
  const auto first = [](int i, int cells, int of) { return i * cells / of; };
  const auto last = [](int i, int cells, int of) {
    return std::max(i * cells / of + 1, (i + 1) * cells / of);
  };
  double shade = 0;
  for (int row = first(line, heat.rows, kLines); row < last(line, heat.rows, kLines); ++row) {
    for (int cell = first(column, heat.columns, columns);
         cell < last(column, heat.columns, columns); ++cell) {
      shade = std::max(shade, heat.shades[row * heat.columns + cell]);
    }
  }
  return shade;
}

// The lowest line first.
using Canvas = std::vector<std::string>;

void Mark(const Figure& figure, const std::vector<Point>& points, char mark, Canvas& canvas) {
  const auto place = [](double value, const Range& range, size_t cells) {
    return static_cast<int>(
        std::floor((value - range.low) / (range.high - range.low) * static_cast<double>(cells)));
  };
  const int columns = static_cast<int>(canvas.front().size());
  for (const Point& point : points) {
    const int column = place(point.x, figure.x, canvas.front().size());
    const int line = place(point.y, figure.y, canvas.size());
    if (column < 0 || column >= columns || line < 0 || line >= kLines) continue;
    canvas[line][column] = mark;
  }
}

// What the marks mean; empty without any.
std::string Key(const Panel& panel) {
  std::vector<std::string> entries;
  const auto add = [&entries](char mark, absl::string_view meaning) {
    entries.push_back(absl::StrCat(std::string(1, mark), " ", meaning));
  };
  if (!panel.observed.empty()) add(kObservedMark, panel.observed_title);
  if (!panel.lower.empty()) add(kLimitMark, "central 90 %");
  if (!panel.mean.empty()) add(kMeanMark, "mean");
  if (entries.empty()) return "";
  return absl::StrCat(std::string(kMargin + 1, ' '), absl::StrJoin(entries, "   "), "\n");
}

std::string PanelText(const Figure& figure, const Panel& panel, int columns) {
  Canvas canvas(kLines, std::string(columns, ' '));
  for (int line = 0; line < kLines; ++line) {
    for (int column = 0; column < columns; ++column) {
      const double shade = ShadeOf(panel.heat, line, column, columns);
      const auto index = static_cast<size_t>(
          std::ceil(std::clamp(shade, 0.0, 1.0) * static_cast<double>(kShades.size() - 1)));
      canvas[line][column] = kShades[index];
    }
  }
  Mark(figure, panel.observed, kObservedMark, canvas);
  Mark(figure, panel.lower, kLimitMark, canvas);
  Mark(figure, panel.upper, kLimitMark, canvas);
  Mark(figure, panel.mean, kMeanMark, canvas);

  std::string text = absl::StrCat(std::string(kMargin + 1, ' '), panel.title, "\n");
  for (int line = kLines; line-- > 0;) {
    std::string label;
    if (line == kLines - 1) label = absl::StrFormat("%.4g", figure.y.high);
    if (line == kLines / 2) label = figure.y_label.substr(0, kMargin - 1);
    if (line == 0) label = absl::StrFormat("%.4g", figure.y.low);
    absl::StrAppendFormat(&text, "%*s|%s\n", kMargin, label, canvas[line]);
  }
  absl::StrAppend(&text, std::string(kMargin, ' '), "+", std::string(columns, '-'), "\n");
  const std::string low = absl::StrFormat("%.4g", figure.x.low);
  const std::string high = absl::StrFormat("%.4g", figure.x.high);
  const int between = std::max(0, columns - static_cast<int>(low.size() + high.size()) - 2);
  const std::string label = figure.x_label.substr(0, between);
  const int before = (between - static_cast<int>(label.size())) / 2;
  const int after = between - static_cast<int>(label.size()) - before;
  absl::StrAppend(&text, std::string(kMargin + 1, ' '), low, std::string(before + 1, ' '), label,
                  std::string(after + 1, ' '), high, "\n");
  return text + Key(panel);
}

}  // namespace

std::string TerminalText(const Figure& figure, int columns) {
  const int inside = std::clamp(columns - kMargin - 2, kLeastColumns, kMostColumns);
  std::string text;
  if (!figure.title.empty()) absl::StrAppend(&text, figure.title, "\n");
  for (const Panel& panel : figure.panels) {
    if (&panel != &figure.panels.front()) text += '\n';
    text += PanelText(figure, panel, inside);
  }
  return text;
}

}  // namespace mdn::tool

#ifndef MDN_CLIENT_TOOL_FIGURE_H_
#define MDN_CLIENT_TOOL_FIGURE_H_

#include <string>
#include <vector>

namespace mdn::tool {

struct Range {
  double low = 0;
  double high = 1;
};

struct Point {
  double x, y;
};

/// A quantity over the plane, in cells of equal size.
struct HeatMap {
  int columns = 0;
  int rows = 0;
  /// From 0 to 1; the lowest row first. [rows, columns]
  std::vector<double> shades;
};

/// Counts of points over the plane, or a density with what belongs to it.
enum class PanelKind { kHistogram, kDensity };

struct Panel {
  PanelKind kind = PanelKind::kDensity;
  std::string title;
  HeatMap heat;
  // Of a density, each maybe empty.
  std::vector<Point> mean;
  /// The two limits of the central interval, at the same x.
  std::vector<Point> lower, upper;
  std::vector<Point> observed, sampled;
  /// What the key calls the observations.
  std::string observed_title;
};

/// A picture, before anybody draws it.
struct Figure {
  std::string title;
  std::string x_label, y_label;
  Range x, y;
  std::vector<Panel> panels;
};

}  // namespace mdn::tool

#endif  // MDN_CLIENT_TOOL_FIGURE_H_

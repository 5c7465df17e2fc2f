#ifndef MDN_CLIENT_TOOL_PLOT_DATA_H_
#define MDN_CLIENT_TOOL_PLOT_DATA_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/tool/command.h"
#include "client/tool/figure.h"

namespace mdn::tool {

enum class PanelName { kObserved, kSampled, kDensity };

/// What a plot is to show.
struct PlotRequest {
  std::vector<PanelName> panels = {PanelName::kDensity};
  /// CSV of x then y, in all columns or in those of these names; empty: no observations.
  std::string data;
  std::vector<std::string> columns;
  /// The feature along the x axis, and the values of all; used where there are several.
  int64_t feature = 0;
  std::vector<double> at;
  int64_t dimension = 0;
  std::optional<Range> x_range, y_range;
  /// Draws that the density's panel shows.
  int64_t num_samples = 300;
  uint64_t seed = 0;
  std::string title;
};

/// Asks the server what the request's figure needs. INVALID_ARGUMENT names a flag or a file that
/// does not fit the model; other errors are the server's.
absl::StatusOr<Figure> MakeFigure(const PlotRequest& request, const Session& session);

}  // namespace mdn::tool

#endif  // MDN_CLIENT_TOOL_PLOT_DATA_H_

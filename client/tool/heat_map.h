#ifndef MDN_CLIENT_TOOL_HEAT_MAP_H_
#define MDN_CLIENT_TOOL_HEAT_MAP_H_

#include <vector>

#include "client/tool/figure.h"
#include "client/tool/marginal.h"

namespace mdn::tool {

/// Shares of `points` in `cells` x `cells` of the figure's ranges, the fullest one 1.
HeatMap Histogram(const std::vector<Point>& points, const Range& x, const Range& y, int cells);

/// The density of each column's marginal, which stands at the middle of its part of the x axis,
/// averaged over each of `rows` cells so that no narrow peak falls between them. The shade is the
/// square root of the density, full where it is among the highest, so that tails stay visible.
HeatMap DensityMap(const std::vector<Marginal>& columns, const Range& y, int rows);

}  // namespace mdn::tool

#endif  // MDN_CLIENT_TOOL_HEAT_MAP_H_

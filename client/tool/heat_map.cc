#include "client/tool/heat_map.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace mdn::tool {

HeatMap Histogram(const std::vector<Point>& points, const Range& x, const Range& y, int cells) {
  HeatMap map{cells, cells, std::vector<double>(static_cast<size_t>(cells) * cells)};
  for (const Point& point : points) {
    const double column = std::floor((point.x - x.low) / (x.high - x.low) * cells);
    const double row = std::floor((point.y - y.low) / (y.high - y.low) * cells);
    if (column < 0 || column >= cells || row < 0 || row >= cells) continue;
    map.shades[static_cast<size_t>(row) * cells + static_cast<size_t>(column)] += 1;
  }
  const double most = *std::max_element(map.shades.begin(), map.shades.end());
  for (double& shade : map.shades) shade /= std::max(most, 1.0);
  return map;
}

HeatMap DensityMap(const std::vector<Marginal>& columns, const Range& y, int rows) {
  constexpr double kFullFrom = 0.97;
  const auto width = static_cast<int>(columns.size());
  HeatMap map{width, rows, std::vector<double>(static_cast<size_t>(width) * rows)};
  std::vector<double> densities;
  const double height = (y.high - y.low) / rows;
  for (int column = 0; column < width; ++column) {
    double below = columns[column].Cdf(y.low);
    for (int row = 0; row < rows; ++row) {
      const double up_to = columns[column].Cdf(y.low + (row + 1) * height);
      const double density = std::max(0.0, up_to - below) / height;
      below = up_to;
      map.shades[static_cast<size_t>(row) * width + column] = density;
      if (density > 0) densities.push_back(density);
    }
  }
  if (densities.empty()) return map;
  const auto full = densities.begin() + static_cast<std::ptrdiff_t>(
                                            kFullFrom * static_cast<double>(densities.size() - 1));
  std::nth_element(densities.begin(), full, densities.end());
  for (double& shade : map.shades) shade = std::sqrt(std::min(1.0, shade / *full));
  return map;
}

}  // namespace mdn::tool

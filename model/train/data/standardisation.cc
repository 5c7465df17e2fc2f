#include "model/train/data/standardisation.h"

#include <cassert>
#include <cmath>
#include <cstddef>

namespace mdn {
namespace {

std::vector<double> Means(const std::vector<float>& values, size_t columns) {
  std::vector<double> sums(columns);
  for (size_t i = 0; i < values.size(); ++i) sums[i % columns] += values[i];
  const size_t rows = values.size() / columns;
  for (double& sum : sums) sum /= static_cast<double>(rows);
  return sums;
}

std::vector<double> Deviations(const std::vector<float>& values, const std::vector<double>& means) {
  const size_t columns = means.size();
  const size_t rows = values.size() / columns;
  std::vector<double> squares(columns);
  for (size_t i = 0; i < values.size(); ++i) {
    const double distance = values[i] - means[i % columns];
    squares[i % columns] += distance * distance;
  }
  for (double& square : squares) {
    const double deviation = std::sqrt(square / static_cast<double>(rows));
    square = deviation > 0 ? deviation : 1;
  }
  return squares;
}

void Change(const std::vector<double>& shift, const std::vector<double>& scale,
            std::vector<float>& values) {
  for (size_t i = 0; i < values.size(); ++i) {
    const size_t column = i % shift.size();
    values[i] = static_cast<float>((values[i] - shift[column]) / scale[column]);
  }
}

}  // namespace

Standardisation MeasureStandardisation(const Dataset& data) {
  assert(data.rows > 0);
  Standardisation measured;
  measured.x_shift = Means(data.x, data.x_names.size());
  measured.x_scale = Deviations(data.x, measured.x_shift);
  measured.y_shift = Means(data.y, data.y_names.size());
  measured.y_scale = Deviations(data.y, measured.y_shift);
  return measured;
}

void Standardise(const Standardisation& standardisation, Dataset& data) {
  Change(standardisation.x_shift, standardisation.x_scale, data.x);
  Change(standardisation.y_shift, standardisation.y_scale, data.y);
}

}  // namespace mdn

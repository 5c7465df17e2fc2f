#include "model/train/data/examples.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "model/train/data/random_stream.h"

namespace mdn {
namespace {

constexpr double kPi = 3.14159265358979323846;
// Not the split's or the trainer's.
constexpr uint64_t kExampleStream = uint64_t{1} << 62;

Dataset Empty(int64_t rows, int64_t dim_out) {
  Dataset data;
  data.x_names = {"x"};
  data.y_names = {"y"};
  if (dim_out > 1) {
    data.y_names.clear();
    for (int64_t d = 0; d < dim_out; ++d) data.y_names.push_back("y" + std::to_string(d));
  }
  data.rows = rows;
  data.x.reserve(rows);
  data.y.reserve(rows * dim_out);
  return data;
}

void Append(Dataset& data, double x, double y) {
  data.x.push_back(static_cast<float>(x));
  data.y.push_back(static_cast<float>(y));
}

// y on a grid over [-1, 1], x = 7 sin 5y + y/2 + e/2: several y for most x.
Dataset DrawEx1d(int64_t rows, uint64_t seed) {
  RandomStream random(seed, kExampleStream);
  Dataset data = Empty(rows, 1);
  for (int64_t row = 0; row < rows; ++row) {
    const double y = 2.0 * static_cast<double>(row) / static_cast<double>(rows - 1) - 1;
    Append(data, 7 * std::sin(5 * y) + 0.5 * y + 0.5 * random.Normal(), y);
  }
  return data;
}

// x = t + 0.3 sin 2 pi t + U(-0.1, 0.1), t uniform; t is to be found from x.
Dataset DrawBishopInverse(int64_t rows, uint64_t seed) {
  RandomStream random(seed, kExampleStream);
  Dataset data = Empty(rows, 1);
  for (int64_t row = 0; row < rows; ++row) {
    const double t = random.Uniform();
    Append(data, t + 0.3 * std::sin(2 * kPi * t) + random.Uniform(-0.1, 0.1), t);
  }
  return data;
}

// x = |N|, y = x^2 + (1 + x) N: the noise grows with x.
Dataset DrawEconDensity(int64_t rows, uint64_t seed) {
  RandomStream random(seed, kExampleStream);
  Dataset data = Empty(rows, 1);
  for (int64_t row = 0; row < rows; ++row) {
    const double x = std::abs(random.Normal());
    Append(data, x, x * x + (1 + x) * random.Normal());
  }
  return data;
}

struct Ellipse {
  double weight;
  double mean[2];
  // Of the long axis.
  double angle;
};

constexpr double kLongAxis = 1, kShortAxis = 0.05;

Ellipse EllipseAt(double x, int which) {
  const double angle = kPi / 2 * x;
  if (which == 0) return {0.5 + 0.3 * x, {x, 1}, angle};
  return {0.5 - 0.3 * x, {-1, -x}, angle + kPi / 3};
}

Dataset DrawRotatingEllipses(int64_t rows, uint64_t seed) {
  RandomStream random(seed, kExampleStream);
  Dataset data = Empty(rows, 2);
  for (int64_t row = 0; row < rows; ++row) {
    const double x = random.Uniform(-1, 1);
    const Ellipse first = EllipseAt(x, 0);
    const Ellipse ellipse = random.Uniform() < first.weight ? first : EllipseAt(x, 1);
    const double along = kLongAxis * random.Normal(), across = kShortAxis * random.Normal();
    const double cosine = std::cos(ellipse.angle), sine = std::sin(ellipse.angle);
    Append(data, x, ellipse.mean[0] + cosine * along - sine * across);
    data.y.push_back(static_cast<float>(ellipse.mean[1] + sine * along + cosine * across));
  }
  return data;
}

double LogDensity(const Ellipse& ellipse, double y0, double y1) {
  const double cosine = std::cos(ellipse.angle), sine = std::sin(ellipse.angle);
  const double dy0 = y0 - ellipse.mean[0], dy1 = y1 - ellipse.mean[1];
  const double along = (cosine * dy0 + sine * dy1) / kLongAxis;
  const double across = (cosine * dy1 - sine * dy0) / kShortAxis;
  return std::log(ellipse.weight / (2 * kPi * kLongAxis * kShortAxis)) -
         0.5 * (along * along + across * across);
}

constexpr Example kExamples[] = {
    {"ex_1d", "y on a grid, x = 7 sin 5y + y/2 + noise", DrawEx1d, 512, 1.27485},
    {"bishop_inverse", "the inverse of t + 0.3 sin 2 pi t + noise", DrawBishopInverse, 20000,
     1.28235},
    {"econ_density", "y = x^2 + (1 + x) noise", DrawEconDensity, 20000, -1.95376},
    // The mean over 80 million draws, to 0.0001; the others are integrals.
    {"rotating_ellipses", "two thin ellipses in the plane that turn with x", DrawRotatingEllipses,
     20000, -0.4352},
};

}  // namespace

absl::Span<const Example> Examples() { return kExamples; }

const Example* FindExample(absl::string_view name) {
  const auto* found = std::find_if(std::begin(kExamples), std::end(kExamples),
                                   [name](const Example& example) { return example.name == name; });
  return found == std::end(kExamples) ? nullptr : found;
}

double RotatingEllipsesLogDensity(double x, double y0, double y1) {
  const double first = LogDensity(EllipseAt(x, 0), y0, y1);
  const double second = LogDensity(EllipseAt(x, 1), y0, y1);
  const double highest = std::max(first, second);
  return highest + std::log(std::exp(first - highest) + std::exp(second - highest));
}

}  // namespace mdn

#include "model/train/data/split.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <numeric>
#include <utility>

#include "model/train/data/random_stream.h"

namespace mdn {
namespace {

// Far from the trainer's, which are numbers of epochs.
constexpr uint64_t kSplitStream = uint64_t{1} << 63;

void Reserve(int64_t rows, Dataset& data) {
  data.x.reserve(rows * data.dim_in());
  data.y.reserve(rows * data.dim_out());
}

void AppendRow(const Dataset& from, int64_t row, Dataset& to) {
  const float* x = &from.x[row * from.dim_in()];
  const float* y = &from.y[row * from.dim_out()];
  to.x.insert(to.x.end(), x, x + from.dim_in());
  to.y.insert(to.y.end(), y, y + from.dim_out());
  ++to.rows;
}

int64_t ValidationRows(int64_t rows, double fraction) {
  if (fraction <= 0) return 0;
  const auto count = static_cast<int64_t>(std::llround(fraction * static_cast<double>(rows)));
  return std::clamp<int64_t>(count, 1, rows - 1);
}

}  // namespace

std::vector<int64_t> Permutation(int64_t count, uint64_t seed, uint64_t stream) {
  std::vector<int64_t> order(count);
  std::iota(order.begin(), order.end(), int64_t{0});
  RandomStream random(seed, stream);
  for (int64_t left = count; left > 1; --left) {
    std::swap(order[left - 1], order[random.Below(static_cast<uint64_t>(left))]);
  }
  return order;
}

Split SplitRows(const Dataset& data, double validation_fraction, uint64_t seed) {
  assert(data.rows > 1);
  const int64_t validation_rows = ValidationRows(data.rows, validation_fraction);
  std::vector<char> is_validation(data.rows);
  const std::vector<int64_t> order = Permutation(data.rows, seed, kSplitStream);
  for (int64_t i = 0; i < validation_rows; ++i) is_validation[order[i]] = 1;

  Split split;
  split.train.x_names = split.validation.x_names = data.x_names;
  split.train.y_names = split.validation.y_names = data.y_names;
  Reserve(data.rows - validation_rows, split.train);
  Reserve(validation_rows, split.validation);
  for (int64_t row = 0; row < data.rows; ++row) {
    AppendRow(data, row, is_validation[row] ? split.validation : split.train);
  }
  return split;
}

}  // namespace mdn

#ifndef MDN_MODEL_TRAIN_DATA_DATASET_H_
#define MDN_MODEL_TRAIN_DATA_DATASET_H_

#include <cstdint>
#include <string>
#include <vector>

namespace mdn {

/// Rows of covariates x and responses y, each in row-major order, finite.
struct Dataset {
  /// A name for each feature of x and each dimension of y.
  std::vector<std::string> x_names, y_names;
  int64_t rows = 0;
  std::vector<float> x;  // [rows, dim_in()]
  std::vector<float> y;  // [rows, dim_out()]

  int64_t dim_in() const { return static_cast<int64_t>(x_names.size()); }
  int64_t dim_out() const { return static_cast<int64_t>(y_names.size()); }
};

}  // namespace mdn

#endif  // MDN_MODEL_TRAIN_DATA_DATASET_H_

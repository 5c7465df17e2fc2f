#ifndef MDN_MODEL_TRAIN_DATA_EXAMPLES_H_
#define MDN_MODEL_TRAIN_DATA_EXAMPLES_H_

#include <cstdint>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "model/train/data/dataset.h"

namespace mdn {

/// A task with a known distribution, to try a model on.
struct Example {
  absl::string_view name;
  absl::string_view description;
  /// The same rows and seed give the same data.
  Dataset (*draw)(int64_t rows, uint64_t seed);
  int64_t default_rows;
  /// E[log p(y|x)] of the distribution itself, in nats: no model's expectation is above it.
  double oracle_log_density;
};

/// ex_1d (the reference implementation's), bishop_inverse (Bishop 1994, section 5), econ_density
/// (Rothfuss et al. 2019), and rotating_ellipses, for full covariances.
absl::Span<const Example> Examples();
/// Null where there is none of that name.
const Example* FindExample(absl::string_view name);

/// log p(y|x) of rotating_ellipses: two ellipses of axes 1 and 0.05, that turn with x by up to a
/// right angle to each side, 60 degrees apart, about means that move with x.
double RotatingEllipsesLogDensity(double x, double y0, double y1);

}  // namespace mdn

#endif  // MDN_MODEL_TRAIN_DATA_EXAMPLES_H_

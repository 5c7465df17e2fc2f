#ifndef MDN_MODEL_ENGINE_NATIVE_COLUMN_KERNELS_H_
#define MDN_MODEL_ENGINE_NATIVE_COLUMN_KERNELS_H_

#include <cstdint>

#include "absl/types/span.h"
#include "model/engine/native/kernels.h"

namespace mdn {

/// Activations of groups of rows, column by column: number f of row r of group g stands at
/// data[g * group_stride + f * rows + r], for the rows of a group. Starts, as every group does, at
/// a multiple of a vector's size.
struct ColumnsIn {
  const float* data = nullptr;
  int64_t group_stride = 0;
};
struct ColumnsOut {
  float* data = nullptr;
  int64_t group_stride = 0;
};

/// The arithmetic of dense layers where there are at least twice as many rows as a vector has
/// lanes: a vector holds one number of neighbouring rows, so that no lane is wasted, however few
/// the outputs are. The bits are those of the Kernels of the same instruction set.
struct ColumnKernels {
  /// Rows in a vector; 0 for an instruction set without vectors, which has nothing here.
  int64_t lanes = 0;

  /// Evaluates a layer for at least one group, of `vectors` vectors of rows each: 2 or 3.
  /// Panels, inputs and activation as in Kernels::evaluate_layer, the panels' offsets in columns.
  /// Up to 3 columns behind a panel's outputs are overwritten, but none behind its vectors.
  void (*evaluate_layer)(absl::Span<const Panel> panels, int64_t inputs, Activation activation,
                         ColumnsIn in, int64_t groups, int64_t vectors, ColumnsOut out) = nullptr;
};

/// The kernels of the best instruction set that this processor has.
const ColumnKernels& BestColumnKernels();

}  // namespace mdn

#endif  // MDN_MODEL_ENGINE_NATIVE_COLUMN_KERNELS_H_

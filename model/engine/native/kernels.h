#ifndef MDN_MODEL_ENGINE_NATIVE_KERNELS_H_
#define MDN_MODEL_ENGINE_NATIVE_KERNELS_H_

#include <cstdint>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace mdn {

/// Up to Kernels::panel_vectors vectors of neighbouring outputs of a dense layer. Each vector is
/// biases [lanes], then weights [inputs, lanes], zeros where the layer has no such output. Starts
/// at a multiple of 64 bytes.
struct Panel {
  const float* data = nullptr;
  int64_t vectors = 0;
  int64_t outputs = 0;
  /// Where in a row of activations its inputs and its outputs begin.
  int64_t input_offset = 0;
  int64_t output_offset = 0;
};

/// Rows of activations: row r begins at data + r * stride.
struct ActivationsIn {
  const float* data = nullptr;
  int64_t stride = 0;
};
struct ActivationsOut {
  float* data = nullptr;
  int64_t stride = 0;
};

enum class Activation { kNone, kRelu };

/// The arithmetic of dense layers for one instruction set.
///
/// Every output is one chain of fused multiply-adds, bias + x[0] w[0] + x[1] w[1] + …, in that
/// order, on every instruction set that has them. So its bits depend on neither the number of rows,
/// nor the row's place, nor the width of the vectors.
struct Kernels {
  /// "AVX3", "NEON", …
  absl::string_view target;
  /// Floats in a vector.
  int64_t lanes = 0;
  /// Vectors in a panel, at most.
  int64_t panel_vectors = 0;

  /// Evaluates rows [0, rows) of a layer, at least one: every panel has `inputs` inputs. Outputs
  /// are written in whole vectors. A NaN stays one through kRelu.
  void (*evaluate_layer)(absl::Span<const Panel> panels, int64_t inputs, Activation activation,
                         ActivationsIn in, int64_t rows, ActivationsOut out);
};

/// The kernels of the best instruction set that this processor has.
const Kernels& BestKernels();

}  // namespace mdn

#endif  // MDN_MODEL_ENGINE_NATIVE_KERNELS_H_

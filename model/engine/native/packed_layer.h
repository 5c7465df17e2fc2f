#ifndef MDN_MODEL_ENGINE_NATIVE_PACKED_LAYER_H_
#define MDN_MODEL_ENGINE_NATIVE_PACKED_LAYER_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "model/checkpoint/checkpoint.h"
#include "model/engine/native/aligned_memory.h"
#include "model/engine/native/kernels.h"

namespace mdn {

/// One network's part of a layer: outputs[o] = bias[o] + sum over i of weight[o, i] inputs[i].
struct DenseLayer {
  const Tensor& weight;  // [outputs, inputs]
  const Tensor& bias;    // [outputs]
  /// Where in a row of activations its inputs and outputs begin; the latter is a multiple of the
  /// kernels' lanes.
  int64_t input_offset = 0;
  int64_t output_offset = 0;
};

/// The parts of several networks that are evaluated in one pass over the rows, packed for some
/// kernels. Immutable; thread-safe.
class PackedLayer {
 public:
  /// All parts have as many inputs. Their tensors are copied.
  PackedLayer(const Kernels& kernels, absl::Span<const DenseLayer> parts);

  int64_t inputs() const { return inputs_; }
  absl::Span<const Panel> panels() const { return panels_; }

 private:
  void AddPanel(const DenseLayer& part, int64_t first_output, float*& memory);

  const int64_t lanes_;
  const int64_t panel_vectors_;
  const int64_t inputs_;
  AlignedMemory memory_;
  std::vector<Panel> panels_;
};

}  // namespace mdn

#endif  // MDN_MODEL_ENGINE_NATIVE_PACKED_LAYER_H_

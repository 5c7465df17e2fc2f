#include "model/engine/native/packed_layer.h"

#include <algorithm>

namespace mdn {
namespace {

// A panel begins with a line of the cache, of so many floats.
constexpr int64_t kLineFloats = 16;

int64_t Outputs(const DenseLayer& part) { return part.weight.shape[0]; }

int64_t RoundUp(int64_t value, int64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

}  // namespace

PackedLayer::PackedLayer(const Kernels& kernels, absl::Span<const DenseLayer> parts)
    : lanes_(kernels.lanes),
      panel_vectors_(kernels.panel_vectors),
      inputs_(parts.front().weight.shape[1]) {
  const int64_t panel_width = panel_vectors_ * lanes_;
  int64_t columns = 0;
  int64_t panels = 0;
  int64_t most_outputs = 0;
  for (const DenseLayer& part : parts) {
    columns += RoundUp(Outputs(part), lanes_);
    panels += RoundUp(Outputs(part), panel_width) / panel_width;
    most_outputs = std::max(most_outputs, Outputs(part));
  }
  memory_ = AllocateAlignedMemory(columns * (1 + inputs_) + panels * kLineFloats);
  float* memory = memory_.get();
  // The parts take turns, so that kernels can evaluate two panels of one width side by side.
  for (int64_t output = 0; output < most_outputs; output += panel_width) {
    for (const DenseLayer& part : parts) {
      if (output < Outputs(part)) AddPanel(part, output, memory);
    }
  }
}

void PackedLayer::AddPanel(const DenseLayer& part, int64_t first_output, float*& memory) {
  const int64_t outputs = std::min(Outputs(part) - first_output, panel_vectors_ * lanes_);
  const int64_t width = RoundUp(outputs, lanes_);
  panels_.push_back(
      {memory, width / lanes_, outputs, part.input_offset, part.output_offset + first_output});
  std::fill_n(memory, width * (1 + inputs_), 0.0f);
  for (int64_t o = 0; o < outputs; ++o) {
    float* const column = memory + o / lanes_ * lanes_ * (1 + inputs_) + o % lanes_;
    column[0] = part.bias.values[first_output + o];
    const float* const weights = &part.weight.values[(first_output + o) * inputs_];
    for (int64_t input = 0; input < inputs_; ++input) column[(1 + input) * lanes_] = weights[input];
  }
  memory += RoundUp(width * (1 + inputs_), kLineFloats);
}

}  // namespace mdn

#include "model/engine/native/packed_layer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

#include "tests/support/noise_models.h"

namespace mdn {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

// Panels of two vectors of four numbers.
Kernels SmallKernels() {
  Kernels kernels;
  kernels.lanes = 4;
  kernels.panel_vectors = 2;
  return kernels;
}

Tensor Weight(int64_t outputs, int64_t inputs, uint32_t seed) {
  return {{outputs, inputs}, RandomNumbers(outputs * inputs, 1, seed)};
}

Tensor Bias(int64_t outputs, uint32_t seed) { return {{outputs}, RandomNumbers(outputs, 1, seed)}; }

std::vector<float> Vector(const float* data) { return {data, data + 4}; }

TEST(PackedLayerTest, StandsInTheOrderInWhichAKernelReads) {
  const Tensor weight{{3, 2}, {1, 2, 3, 4, 5, 6}};
  const Tensor bias{{3}, {7, 8, 9}};
  const PackedLayer layer(SmallKernels(), {DenseLayer{weight, bias, 5, 8}});
  EXPECT_EQ(layer.inputs(), 2);
  ASSERT_THAT(layer.panels(), SizeIs(1));
  const Panel& panel = layer.panels()[0];
  EXPECT_EQ(panel.vectors, 1);
  EXPECT_EQ(panel.outputs, 3);
  EXPECT_EQ(panel.input_offset, 5);
  EXPECT_EQ(panel.output_offset, 8);
  EXPECT_THAT(Vector(panel.data), ElementsAre(7, 8, 9, 0));
  EXPECT_THAT(Vector(panel.data + 4), ElementsAre(1, 3, 5, 0));
  EXPECT_THAT(Vector(panel.data + 8), ElementsAre(2, 4, 6, 0));
}

TEST(PackedLayerTest, APanelHasNoMoreVectorsThanTheKernelsWant) {
  const Tensor weight = Weight(21, 3, 1);
  const Tensor bias = Bias(21, 2);
  const PackedLayer layer(SmallKernels(), {DenseLayer{weight, bias, 0, 4}});
  std::vector<int64_t> vectors, offsets;
  for (const Panel& panel : layer.panels()) {
    vectors.push_back(panel.vectors);
    offsets.push_back(panel.output_offset);
  }
  EXPECT_THAT(vectors, ElementsAre(2, 2, 2));
  EXPECT_THAT(offsets, ElementsAre(4, 12, 20));
}

TEST(PackedLayerTest, PartsTakeTurns) {
  const Tensor narrow = Weight(9, 3, 1), narrow_bias = Bias(9, 2);
  const Tensor wide = Weight(18, 3, 3), wide_bias = Bias(18, 4);
  const PackedLayer layer(
      SmallKernels(), {DenseLayer{narrow, narrow_bias, 0, 0}, DenseLayer{wide, wide_bias, 3, 100}});
  std::vector<int64_t> vectors, inputs, outputs;
  for (const Panel& panel : layer.panels()) {
    vectors.push_back(panel.vectors);
    inputs.push_back(panel.input_offset);
    outputs.push_back(panel.output_offset);
  }
  EXPECT_THAT(vectors, ElementsAre(2, 2, 1, 2, 1));
  EXPECT_THAT(inputs, ElementsAre(0, 3, 0, 3, 3));
  EXPECT_THAT(outputs, ElementsAre(0, 100, 8, 108, 116));
}

TEST(PackedLayerTest, EveryPanelBeginsWithACacheLine) {
  for (const int64_t inputs : {1, 2, 3, 4, 5, 16}) {
    const Tensor narrow = Weight(3, inputs, 1), narrow_bias = Bias(3, 2);
    const Tensor wide = Weight(13, inputs, 3), wide_bias = Bias(13, 4);
    const PackedLayer layer(
        SmallKernels(), {DenseLayer{narrow, narrow_bias, 0, 0}, DenseLayer{wide, wide_bias, 0, 4}});
    for (const Panel& panel : layer.panels()) {
      EXPECT_EQ(reinterpret_cast<uintptr_t>(panel.data) % 64, 0)
          << inputs << " inputs, outputs from " << panel.output_offset;
    }
  }
}

TEST(PackedLayerTest, HoldsCopiesOfAllTensors) {
  Tensor weight = Weight(11, 5, 1);
  Tensor bias = Bias(11, 2);
  const PackedLayer layer(SmallKernels(), {DenseLayer{weight, bias, 0, 0}});
  const Tensor weight_before = weight, bias_before = bias;
  weight.values.assign(weight.values.size(), 0);
  bias.values.assign(bias.values.size(), 0);
  for (int64_t output = 0; output < 11; ++output) {
    const Panel& panel = layer.panels()[output / 8];
    // Each vector is a bias and 5 weights for 4 outputs.
    const float* const column = panel.data + output % 8 / 4 * 6 * 4 + output % 4;
    EXPECT_EQ(column[0], bias_before.values[output]);
    for (int64_t input = 0; input < 5; ++input) {
      EXPECT_EQ(column[(1 + input) * 4], weight_before.values[output * 5 + input]);
    }
  }
}

}  // namespace
}  // namespace mdn

#include "model/engine/native/kernels.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "model/engine/native/packed_layer.h"
#include "tests/model/mixture/simd_target_loop.h"
#include "tests/support/noise_models.h"

namespace mdn {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
// What no kernel writes.
constexpr float kUntouched = -12345;
constexpr int64_t kInputOffset = 3;
constexpr int64_t kOutputVectors = 2;
constexpr int64_t kGap = 5;

int64_t RoundUp(int64_t value, int64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

/// Two parts of a layer, of `outputs` and of `outputs` + 2 outputs, whose inputs and outputs stand
/// beside each other.
class Layer {
 public:
  Layer(int64_t inputs, int64_t outputs)
      : inputs_(inputs),
        widths_{outputs, outputs + 2},
        weights_{{{outputs, inputs}, RandomNumbers(outputs * inputs, 1, 1)},
                 {{outputs + 2, inputs}, RandomNumbers((outputs + 2) * inputs, 1, 2)}},
        biases_{{{outputs}, RandomNumbers(outputs, 1, 3)},
                {{outputs + 2}, RandomNumbers(outputs + 2, 1, 4)}} {}

  int64_t in_stride() const { return kInputOffset + 2 * inputs_ + kGap; }

  /// [rows, out_stride], with everything in it that is not written.
  std::vector<float> Evaluate(const Kernels& kernels, Activation activation,
                              const std::vector<float>& x, int64_t rows) const {
    const PackedLayer packed(
        kernels,
        {DenseLayer{weights_[0], biases_[0], kInputOffset, OutputOffset(kernels, 0)},
         DenseLayer{weights_[1], biases_[1], kInputOffset + inputs_, OutputOffset(kernels, 1)}});
    std::vector<float> out(rows * OutStride(kernels), kUntouched);
    kernels.evaluate_layer(packed.panels(), packed.inputs(), activation, {x.data(), in_stride()},
                           rows, {out.data(), OutStride(kernels)});
    return out;
  }

  int64_t OutStride(const Kernels& kernels) const { return OutputOffset(kernels, 2) + kGap; }
  int64_t OutputOffset(const Kernels& kernels, int part) const {
    int64_t offset = kOutputVectors * kernels.lanes;
    for (int i = 0; i < part; ++i) offset += RoundUp(widths_[i], kernels.lanes);
    return offset;
  }
  int64_t width(int part) const { return widths_[part]; }

  float Chain(int part, int64_t output, const float* x) const {
    float sum = biases_[part].values[output];
    for (int64_t i = 0; i < inputs_; ++i) {
      sum = std::fma(x[kInputOffset + part * inputs_ + i],
                     weights_[part].values[output * inputs_ + i], sum);
    }
    return sum;
  }

 private:
  const int64_t inputs_;
  const int64_t widths_[2];
  const Tensor weights_[2], biases_[2];
};

/// Calls check(layer) for widths around whole vectors and whole panels.
template <typename Check>
void ForEveryShape(Check check) {
  for (const int64_t inputs : {1, 2, 3, 17}) {
    for (const int64_t outputs : {1, 3, 15, 16, 17, 50, 64, 65, 129}) {
      SCOPED_TRACE(std::to_string(inputs) + " inputs, " + std::to_string(outputs) + " outputs");
      check(Layer(inputs, outputs));
    }
  }
}

constexpr int64_t kRowCounts[] = {1, 2, 3, 4, 5, 6, 7, 11, 12, 13, 25, 31};

void ExpectChains(const Layer& layer, const Kernels& kernels, Activation activation, bool exactly,
                  int64_t rows) {
  const std::vector<float> x = RandomNumbers(rows * layer.in_stride(), 2, 5);
  const std::vector<float> out = layer.Evaluate(kernels, activation, x, rows);
  for (int64_t row = 0; row < rows; ++row) {
    for (const int part : {0, 1}) {
      const float* const outputs =
          &out[row * layer.OutStride(kernels) + layer.OutputOffset(kernels, part)];
      for (int64_t o = 0; o < layer.width(part); ++o) {
        float expected = layer.Chain(part, o, &x[row * layer.in_stride()]);
        if (activation == Activation::kRelu) expected = std::max(expected, 0.0f);
        ASSERT_NEAR(outputs[o], expected, exactly ? 0 : 2e-6)
            << rows << " rows, row " << row << ", part " << part << ", output " << o;
      }
    }
  }
}

TEST(KernelsTest, EveryOutputIsOneChainOfFusedMultiplyAddsWhereThereAreAny) {
  ForEverySimdTarget([](int64_t target) {
    SCOPED_TRACE(hwy::TargetName(target));
    ForEveryShape([target](const Layer& layer) {
      for (const int64_t rows : kRowCounts) {
        for (const Activation activation : {Activation::kNone, Activation::kRelu}) {
          ExpectChains(layer, BestKernels(), activation, FusesMultiplyAdd(target), rows);
        }
      }
    });
  });
}

TEST(KernelsTest, TellTheirTarget) {
  ForEverySimdTarget([](int64_t target) {
    EXPECT_EQ(BestKernels().target, hwy::TargetName(target));
    EXPECT_GE(BestKernels().lanes, 1);
    EXPECT_GE(BestKernels().panel_vectors, 1);
  });
}

TEST(KernelsTest, NothingIsWrittenBesideTheOutputsVectors) {
  ForEverySimdTarget([](int64_t target) {
    SCOPED_TRACE(hwy::TargetName(target));
    ForEveryShape([](const Layer& layer) {
      const Kernels& kernels = BestKernels();
      constexpr int64_t kRows = 14;
      const std::vector<float> out = layer.Evaluate(
          kernels, Activation::kNone, RandomNumbers(kRows * layer.in_stride(), 2, 5), kRows);
      const int64_t stride = layer.OutStride(kernels);
      for (int64_t i = 0; i < static_cast<int64_t>(out.size()); ++i) {
        if (i % stride >= layer.OutputOffset(kernels, 0) &&
            i % stride < layer.OutputOffset(kernels, 2)) {
          continue;
        }
        ASSERT_EQ(out[i], kUntouched) << "row " << i / stride << ", number " << i % stride;
      }
    });
  });
}

TEST(KernelsTest, ReluKeepsNaNsAndInfinities) {
  ForEverySimdTarget([](int64_t target) {
    SCOPED_TRACE(hwy::TargetName(target));
    const Kernels& kernels = BestKernels();
    constexpr int64_t kOutputs = 67;
    const Tensor weight{{kOutputs, 1}, std::vector<float>(kOutputs, 1)};
    const Tensor bias{{kOutputs}, std::vector<float>(kOutputs, 0)};
    const PackedLayer layer(kernels, {DenseLayer{weight, bias, 0, 0}});
    const std::vector<float> x = {std::nanf(""), kInfinity, -kInfinity, -std::nanf(""), 2};
    const int64_t stride = RoundUp(kOutputs, kernels.lanes);
    std::vector<float> out(x.size() * stride);
    kernels.evaluate_layer(layer.panels(), 1, Activation::kRelu, {x.data(), 1},
                           static_cast<int64_t>(x.size()), {out.data(), stride});
    for (int64_t o = 0; o < kOutputs; ++o) {
      EXPECT_TRUE(std::isnan(out[o]));
      EXPECT_EQ(out[stride + o], kInfinity);
      EXPECT_EQ(out[2 * stride + o], 0);
      EXPECT_TRUE(std::isnan(out[3 * stride + o]));
      EXPECT_EQ(out[4 * stride + o], 2);
    }
  });
}

}  // namespace
}  // namespace mdn

#include "model/engine/native/column_kernels.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "model/engine/native/aligned_memory.h"
#include "model/engine/native/packed_layer.h"
#include "tests/model/mixture/simd_target_loop.h"
#include "tests/support/noise_models.h"

namespace mdn {
namespace {

// What no kernel writes.
constexpr float kUntouched = -12345;
// Columns before, and behind, those of a layer.
constexpr int64_t kInputOffset = 2;
constexpr int64_t kGap = 1;

int64_t RoundUp(int64_t value, int64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

/// Numbers of some groups of rows: number `column` of row `row`, counted through the groups.
class Activations {
 public:
  Activations(int64_t groups, int64_t group_rows, int64_t columns)
      : group_rows_(group_rows),
        stride_(group_rows * columns),
        size_(groups * stride_),
        memory_(AllocateAlignedMemory(size_)) {
    std::fill_n(memory_.get(), size_, kUntouched);
  }

  float& At(int64_t row, int64_t column) {
    return memory_[row / group_rows_ * stride_ + column * group_rows_ + row % group_rows_];
  }
  float* data() { return memory_.get(); }
  int64_t stride() const { return stride_; }

 private:
  const int64_t group_rows_, stride_, size_;
  AlignedMemory memory_;
};

/// Two parts of a layer, of `outputs` and of `outputs` + 2 outputs, whose inputs and outputs stand
/// beside each other, evaluated by rows and by columns.
class Layer {
 public:
  Layer(int64_t inputs, int64_t outputs)
      : inputs_(inputs),
        outputs_(outputs),
        weights_{{{outputs, inputs}, RandomNumbers(outputs * inputs, 1, 1)},
                 {{outputs + 2, inputs}, RandomNumbers((outputs + 2) * inputs, 1, 2)}},
        biases_{{{outputs}, RandomNumbers(outputs, 1, 3)},
                {{outputs + 2}, RandomNumbers(outputs + 2, 1, 4)}},
        second_output_(RoundUp(outputs, BestKernels().lanes)),
        end_(second_output_ + RoundUp(outputs + 2, BestKernels().lanes)),
        packed_(BestKernels(),
                {DenseLayer{weights_[0], biases_[0], kInputOffset, 0},
                 DenseLayer{weights_[1], biases_[1], kInputOffset + inputs, second_output_}}) {}

  int64_t in_columns() const { return kInputOffset + 2 * inputs_; }
  int64_t out_columns() const { return end_ + kGap; }
  bool IsOutput(int64_t column) const {
    return column < outputs_ ||
           (column >= second_output_ && column < second_output_ + outputs_ + 2);
  }
  bool IsPadding(int64_t column) const { return column < end_ && !IsOutput(column); }

  std::vector<float> EvaluateRows(const std::vector<float>& x, int64_t rows,
                                  Activation activation) const {
    std::vector<float> out(rows * out_columns());
    BestKernels().evaluate_layer(packed_.panels(), inputs_, activation, {x.data(), in_columns()},
                                 rows, {out.data(), out_columns()});
    return out;
  }

  Activations EvaluateColumns(const std::vector<float>& x, int64_t groups, int64_t vectors,
                              Activation activation) const {
    const int64_t group_rows = vectors * BestColumnKernels().lanes;
    Activations in(groups, group_rows, in_columns());
    for (int64_t i = 0; i < static_cast<int64_t>(x.size()); ++i) {
      in.At(i / in_columns(), i % in_columns()) = x[i];
    }
    Activations out(groups, group_rows, out_columns());
    BestColumnKernels().evaluate_layer(packed_.panels(), inputs_, activation,
                                       {in.data(), in.stride()}, groups, vectors,
                                       {out.data(), out.stride()});
    return out;
  }

 private:
  const int64_t inputs_, outputs_;
  const Tensor weights_[2], biases_[2];
  const int64_t second_output_, end_;
  const PackedLayer packed_;
};

/// Every number of the outputs has the bits that the kernels for rows give; others stay as they
/// are.
void ExpectBitsOfRows(const Layer& layer, int64_t groups, int64_t vectors, Activation activation,
                      const std::vector<float>& x) {
  const int64_t rows = groups * vectors * BestColumnKernels().lanes;
  const std::vector<float> expected = layer.EvaluateRows(x, rows, activation);
  Activations out = layer.EvaluateColumns(x, groups, vectors, activation);
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t column = 0; column < layer.out_columns(); ++column) {
      if (layer.IsPadding(column)) continue;
      const float number =
          layer.IsOutput(column) ? expected[row * layer.out_columns() + column] : kUntouched;
      ASSERT_EQ(std::memcmp(&out.At(row, column), &number, sizeof(number)), 0)
          << groups << " groups of " << vectors << " vectors, row " << row << ", column " << column
          << ": " << out.At(row, column) << " for " << number;
    }
  }
}

/// Calls check(layer, groups, vectors) for every target that has column kernels.
template <typename Check>
void ForEveryShape(const std::vector<int64_t>& inputs, const std::vector<int64_t>& outputs,
                   Check check) {
  ForEverySimdTarget([&](int64_t target) {
    if (BestColumnKernels().lanes == 0) return;
    for (const int64_t in : inputs) {
      for (const int64_t out : outputs) {
        SCOPED_TRACE(std::string(hwy::TargetName(target)) + ", " + std::to_string(in) +
                     " inputs, " + std::to_string(out) + " outputs");
        const Layer layer(in, out);
        for (const int64_t groups : {1, 3}) {
          for (const int64_t vectors : {2, 3}) check(layer, groups, vectors);
        }
      }
    }
  });
}

std::vector<float> Inputs(const Layer& layer, int64_t groups, int64_t vectors) {
  return RandomNumbers(groups * vectors * BestColumnKernels().lanes * layer.in_columns(), 2, 5);
}

TEST(ColumnKernelsTest, GiveTheBitsOfTheKernelsForRowsAndWriteNothingElse) {
  ForEveryShape({1, 2, 5, 17}, {1, 2, 3, 4, 5, 15, 17, 50, 63, 64, 129},
                [](const Layer& layer, int64_t groups, int64_t vectors) {
                  for (const Activation activation : {Activation::kNone, Activation::kRelu}) {
                    ExpectBitsOfRows(layer, groups, vectors, activation,
                                     Inputs(layer, groups, vectors));
                  }
                });
}

TEST(ColumnKernelsTest, BlocksOfInputsDoNotChangeTheBits) {
  ForEveryShape(
      {127, 128, 129, 300, 513}, {5, 70}, [](const Layer& layer, int64_t groups, int64_t vectors) {
        ExpectBitsOfRows(layer, groups, vectors, Activation::kRelu, Inputs(layer, groups, vectors));
      });
}

TEST(ColumnKernelsTest, ReluKeepsNaNsAndInfinities) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  ForEveryShape({200}, {3}, [](const Layer& layer, int64_t groups, int64_t vectors) {
    std::vector<float> x = Inputs(layer, groups, vectors);
    const int64_t columns = layer.in_columns();
    x[kInputOffset] = std::nanf("");
    x[columns + kInputOffset + 1] = kInfinity;
    const std::vector<float> expected =
        layer.EvaluateRows(x, groups * vectors * BestColumnKernels().lanes, Activation::kRelu);
    Activations out = layer.EvaluateColumns(x, groups, vectors, Activation::kRelu);
    for (int64_t o = 0; o < 3; ++o) {
      EXPECT_TRUE(std::isnan(out.At(0, o)));
      EXPECT_EQ(out.At(1, o), expected[layer.out_columns() + o]);
      EXPECT_TRUE(out.At(1, o) == kInfinity || out.At(1, o) == 0);
      EXPECT_TRUE(std::isfinite(out.At(2, o)));
    }
  });
}

TEST(ColumnKernelsTest, AVectorIsAsWideAsTheKernelsForRows) {
  ForEverySimdTarget([](int64_t target) {
    if (BestColumnKernels().lanes == 0) return;
    EXPECT_EQ(BestColumnKernels().lanes, BestKernels().lanes) << hwy::TargetName(target);
  });
}

}  // namespace
}  // namespace mdn

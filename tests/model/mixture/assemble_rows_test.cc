#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "model/mixture/noise_model.h"
#include "tests/model/mixture/mixture_bits.h"
#include "tests/model/mixture/simd_target_loop.h"
#include "tests/support/noise_models.h"

namespace mdn {
namespace {

constexpr int64_t kRows = 37;
constexpr int64_t kPadding = MixtureHead::kRowPadding;

struct Size {
  int64_t components;
  int64_t dims;
};

// Rows of one number, of whole vectors and of some more and fewer.
constexpr Size kSizes[] = {{1, 1}, {3, 1}, {4, 2}, {5, 3}, {16, 1}, {17, 2}, {3, 11}, {64, 4}};

template <typename Check>
void ForEveryHead(Check check) {
  for (const Size& size : kSizes) {
    for (MixtureHead::Options options : EveryNoiseModel(size.components, size.dims)) {
      for (const bool scaled : {false, true}) {
        for (int64_t d = 0; scaled && d < size.dims; ++d) {
          options.y_shift.push_back(d - 0.75);
          options.y_scale.push_back(0.125 + 3.5 * d);
        }
        SCOPED_TRACE(NoiseModelName(options) + " " + std::to_string(size.components) + "x" +
                     std::to_string(size.dims) + (scaled ? " scaled" : ""));
        check(MixtureHead(options));
      }
    }
  }
}

/// Raw outputs, dense, and as a network leaves them: one row's logits and normals, then the next
/// row's, each with numbers behind it that mean nothing.
class Outputs {
 public:
  Outputs(const MixtureHead& head, float filler)
      : components_(head.options().components),
        channels_(head.normal_channels()),
        logits_(RandomNumbers(kRows * components_, 5, 1)),
        normal_(RandomNumbers(kRows * channels_, 3, 2)),
        stride_(components_ + channels_ + 2 * kPadding + 3),
        padded_(kRows * stride_, filler) {
    for (int64_t row = 0; row < kRows; ++row) {
      float* const to = &padded_[row * stride_];
      std::copy_n(&logits_[row * components_], components_, to);
      std::copy_n(&normal_[row * channels_], channels_, to + components_ + kPadding);
    }
  }

  Mixture Assemble(const MixtureHead& head) const {
    Mixture mixture;
    head.Assemble(logits_, normal_, kRows, mixture);
    return mixture;
  }

  /// Overwrites what it reads.
  MixtureHead::RawOutputs From(int64_t row) {
    float* const logits = &padded_[row * stride_];
    return {logits, stride_, logits + components_ + kPadding, stride_};
  }

 private:
  const int64_t components_, channels_;
  const std::vector<float> logits_, normal_;
  const int64_t stride_;
  std::vector<float> padded_;
};

Mixture Empty(const MixtureHead& head) {
  Mixture mixture;
  mixture.Resize(head.shape(), kRows);
  for (const auto array : kArrays) {
    for (float& number : mixture.*array) number = 7;
  }
  return mixture;
}

TEST(AssembleRowsTest, GivesTheBitsOfAssembleWhateverStandsBehindTheRows) {
  ForEverySimdTarget([](int64_t target) {
    SCOPED_TRACE(hwy::TargetName(target));
    ForEveryHead([](const MixtureHead& head) {
      for (const float filler : {0.0f, 1e30f, std::nanf("")}) {
        Outputs outputs(head, filler);
        Mixture mixture = Empty(head);
        head.AssembleRows(outputs.From(0), 0, kRows, mixture);
        ExpectSameBits(mixture, outputs.Assemble(head));
      }
    });
  });
}

TEST(AssembleRowsTest, RowsHaveTheSameBitsInPartsOfAnySize) {
  ForEverySimdTarget([](int64_t target) {
    SCOPED_TRACE(hwy::TargetName(target));
    ForEveryHead([](const MixtureHead& head) {
      for (const int64_t part : {1, 2, 5, 16, 17}) {
        Outputs outputs(head, 0);
        Mixture mixture = Empty(head);
        for (int64_t row = 0; row < kRows; row += part) {
          head.AssembleRows(outputs.From(row), row, std::min(part, kRows - row), mixture);
        }
        ExpectSameBits(mixture, outputs.Assemble(head));
      }
    });
  });
}

TEST(AssembleRowsTest, LeavesOtherRowsAsTheyAre) {
  constexpr int64_t kFirst = 5;
  constexpr int64_t kCount = 19;
  ForEveryHead([](const MixtureHead& head) {
    Outputs outputs(head, 0);
    Mixture expected = outputs.Assemble(head);
    Mixture mixture = Empty(head);
    const Mixture before = mixture;
    head.AssembleRows(outputs.From(kFirst), kFirst, kCount, mixture);
    for (const auto array : kArrays) {
      const int64_t width = static_cast<int64_t>((mixture.*array).size()) / kRows;
      const auto replace = [&](int64_t begin, int64_t end) {
        std::copy((before.*array).begin() + begin * width, (before.*array).begin() + end * width,
                  (expected.*array).begin() + begin * width);
      };
      replace(0, kFirst);
      replace(kFirst + kCount, kRows);
    }
    ExpectSameBits(mixture, expected);
  });
}

TEST(AssembleRowsTest, EveryTargetWithFusedMultiplyAddGivesTheSameBits) {
  ForEveryHead([](const MixtureHead& head) {
    std::vector<Mixture> first;
    ForEverySimdTarget([&](int64_t target) {
      if (!FusesMultiplyAdd(target)) return;
      Outputs outputs(head, 0);
      Mixture mixture = Empty(head);
      head.AssembleRows(outputs.From(0), 0, kRows, mixture);
      if (first.empty()) first.push_back(mixture);
      SCOPED_TRACE(hwy::TargetName(target));
      ExpectSameBits(mixture, first.front());
    });
  });
}

TEST(AssembleRowsTest, TargetsWithoutFusedMultiplyAddAgreeToFloatAccuracy) {
  constexpr float kTolerance = 1e-6;
  ForEveryHead([](const MixtureHead& head) {
    Outputs outputs(head, 0);
    const Mixture best = outputs.Assemble(head);
    ForEverySimdTarget([&](int64_t target) {
      const Mixture mixture = outputs.Assemble(head);
      for (const auto array : kArrays) {
        for (size_t i = 0; i < (best.*array).size(); ++i) {
          const float expected = (best.*array)[i];
          ASSERT_NEAR((mixture.*array)[i], expected, kTolerance * (1 + std::abs(expected)))
              << hwy::TargetName(target);
        }
      }
    });
  });
}

}  // namespace
}  // namespace mdn

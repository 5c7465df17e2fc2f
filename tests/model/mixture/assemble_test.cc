#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <tuple>
#include <vector>

#include "model/mixture/noise_model.h"
#include "tests/support/noise_models.h"

namespace mdn {
namespace {

constexpr double kEpsilon = 1e-6;
constexpr int64_t kRows = 3;

struct Size {
  int64_t components;
  int64_t dims;
};

// Every noise model against the formulas of the documentation, written down one number at a time.
class AssembleTest : public ::testing::TestWithParam<std::tuple<int, Size, bool>> {
 protected:
  AssembleTest() {
    const auto [model, size, scaled] = GetParam();
    options_ = EveryNoiseModel(size.components, size.dims)[model];
    for (int64_t d = 0; scaled && d < size.dims; ++d) {
      options_.y_shift.push_back(d - 0.75);
      options_.y_scale.push_back(0.125 + 3.5 * d);
    }
    const MixtureHead head(options_);
    logits_ = RandomNumbers(kRows * size.components, 5, 1);
    raw_ = RandomNumbers(kRows * head.normal_channels(), 3, 2);
    head.Assemble(logits_, raw_, kRows, mixture_);
  }

  double Raw(int64_t row, int64_t channel) const {
    return raw_[row * MixtureHead(options_).normal_channels() + channel];
  }
  double RawSigma(int64_t row, int64_t channel) const {
    return Raw(row, options_.components * options_.dims + channel);
  }
  double Shift(int64_t d) const { return options_.y_shift.empty() ? 0 : options_.y_shift[d]; }
  double Scale(int64_t d) const { return options_.y_scale.empty() ? 1 : options_.y_scale[d]; }

  double LogDiagonal(int64_t row, int64_t k, int64_t d) const {
    const int64_t components = options_.components;
    const int64_t dims = options_.dims;
    switch (options_.noise_type) {
      case NoiseType::kDiagonal:
        return RawSigma(row, k * dims + d) + kEpsilon;
      case NoiseType::kIsotropic:
        return options_.isotropic_layout == IsotropicLayout::kPerComponent
                   ? RawSigma(row, k) + kEpsilon
                   : RawSigma(row, (k * dims + d) % components) + kEpsilon;
      case NoiseType::kIsotropicAcrossClusters:
        return RawSigma(row, 0) + kEpsilon;
      case NoiseType::kFixed:
        return std::log(0.3);
      case NoiseType::kFull:
        return RawSigma(row, k * dims * (dims + 1) / 2 + d * (d + 3) / 2) + kEpsilon;
    }
    return 0;
  }

  double Triangle(int64_t row, int64_t k, int64_t d, int64_t j) const {
    if (j > d) return 0;
    if (j == d) return Scale(d) * std::exp(LogDiagonal(row, k, d));
    if (options_.noise_type != NoiseType::kFull) return 0;
    const int64_t triangle = options_.dims * (options_.dims + 1) / 2;
    return Scale(d) * RawSigma(row, k * triangle + d * (d + 1) / 2 + j);
  }

  template <typename Check>
  void ForEachScale(Check check) const {
    int64_t i = 0;
    for (int64_t row = 0; row < kRows; ++row) {
      for (int64_t k = 0; k < options_.components; ++k) {
        for (int64_t d = 0; d < options_.dims; ++d) check(i++, row, k, d);
      }
    }
  }

  MixtureHead::Options options_;
  std::vector<float> logits_;
  std::vector<float> raw_;
  Mixture mixture_;
};

TEST_P(AssembleTest, LogPi) {
  for (int64_t row = 0; row < kRows; ++row) {
    const float* logits = &logits_[row * options_.components];
    double sum = 0;
    for (int64_t k = 0; k < options_.components; ++k) sum += std::exp(double{logits[k]});
    for (int64_t k = 0; k < options_.components; ++k) {
      EXPECT_NEAR(mixture_.Row(row).log_pi[k], logits[k] - std::log(sum), 1e-6);
    }
  }
}

TEST_P(AssembleTest, Mu) {
  ForEachScale([this](int64_t i, int64_t row, int64_t k, int64_t d) {
    EXPECT_FLOAT_EQ(mixture_.mu[i], Shift(d) + Scale(d) * Raw(row, k * options_.dims + d));
  });
}

TEST_P(AssembleTest, LogScaleIsTheLogarithmOfTheTrianglesDiagonal) {
  ForEachScale([this](int64_t i, int64_t row, int64_t k, int64_t d) {
    EXPECT_FLOAT_EQ(mixture_.log_scale[i], LogDiagonal(row, k, d) + std::log(Scale(d)));
  });
}

TEST_P(AssembleTest, SigmaIsTheRootOfTheCovariancesDiagonal) {
  ForEachScale([this](int64_t i, int64_t row, int64_t k, int64_t d) {
    double variance = 0;
    for (int64_t j = 0; j <= d; ++j) variance += std::pow(Triangle(row, k, d, j), 2);
    EXPECT_FLOAT_EQ(mixture_.sigma[i], std::sqrt(variance));
  });
}

TEST_P(AssembleTest, ScaleTrilIsTheTriangle) {
  if (options_.noise_type != NoiseType::kFull) {
    EXPECT_TRUE(mixture_.scale_tril.empty());
    return;
  }
  ForEachScale([this](int64_t i, int64_t row, int64_t k, int64_t d) {
    for (int64_t j = 0; j < options_.dims; ++j) {
      EXPECT_FLOAT_EQ(mixture_.scale_tril[i * options_.dims + j], Triangle(row, k, d, j));
    }
  });
}

TEST_P(AssembleTest, LeavesNothingOfWhatTheMixtureHeldBefore) {
  Mixture used;
  used.Resize(mixture_.shape, 2 * kRows);
  for (std::vector<float> Mixture::*array : {&Mixture::log_pi, &Mixture::mu, &Mixture::sigma,
                                             &Mixture::log_scale, &Mixture::scale_tril}) {
    for (float& value : used.*array) value = 7;
  }
  MixtureHead(options_).Assemble(logits_, raw_, kRows, used);
  EXPECT_EQ(used.rows, kRows);
  EXPECT_EQ(used.log_pi, mixture_.log_pi);
  EXPECT_EQ(used.mu, mixture_.mu);
  EXPECT_EQ(used.sigma, mixture_.sigma);
  EXPECT_EQ(used.log_scale, mixture_.log_scale);
  EXPECT_EQ(used.scale_tril, mixture_.scale_tril);
}

std::string CaseName(const ::testing::TestParamInfo<AssembleTest::ParamType>& info) {
  const auto [model, size, scaled] = info.param;
  return NoiseModelName(EveryNoiseModel(1, 1)[model]) + "_" + std::to_string(size.components) +
         "x" + std::to_string(size.dims) + (scaled ? "_scaled" : "");
}

INSTANTIATE_TEST_SUITE_P(EveryNoiseModel, AssembleTest,
                         ::testing::Combine(::testing::Range(0, 6),
                                            ::testing::Values(Size{1, 1}, Size{3, 1}, Size{3, 2},
                                                              Size{4, 2}, Size{2, 4}, Size{5, 3}),
                                            ::testing::Bool()),
                         CaseName);

}  // namespace
}  // namespace mdn

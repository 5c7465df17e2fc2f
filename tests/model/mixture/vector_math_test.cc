#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "model/mixture/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tests/model/mixture/vector_math_test.cc"
#include "hwy/foreach_target.h"
//
#include "hwy/highway.h"
#include "model/mixture/vector_math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace mdn {
namespace HWY_NAMESPACE {
namespace {

// x and y hold whole vectors of any target.
template <typename Function>
void ForEachVector(const std::vector<float>& x, std::vector<float>& y, Function function) {
  const hn::ScalableTag<float> d;
  for (size_t i = 0; i < x.size(); i += hn::Lanes(d)) {
    hn::StoreU(function(d, hn::LoadU(d, &x[i])), d, &y[i]);
  }
}

void ExpOfAll(const std::vector<float>& x, std::vector<float>& y) {
  ForEachVector(x, y, [](auto d, auto v) HWY_ATTR { return Exp(d, v); });
}

void LogOfAll(const std::vector<float>& x, std::vector<float>& y) {
  ForEachVector(x, y, [](auto d, auto v) HWY_ATTR { return Log(d, v); });
}

void NormalExpOfAll(const std::vector<float>& x, std::vector<float>& y) {
  ForEachVector(x, y, [](auto d, auto v) HWY_ATTR { return NormalExp(d, v); });
}

void BoundedExpOfAll(const std::vector<double>& x, std::vector<double>& y) {
  const hn::ScalableTag<double> d;
  for (size_t i = 0; i < x.size(); i += hn::Lanes(d)) {
    hn::StoreU(BoundedExp(d, hn::LoadU(d, &x[i])), d, &y[i]);
  }
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace mdn
HWY_AFTER_NAMESPACE();

#if HWY_ONCE

#include <gtest/gtest.h>

#include "tests/model/mixture/simd_target_loop.h"

namespace mdn {
namespace {

HWY_EXPORT(ExpOfAll);
HWY_EXPORT(LogOfAll);
HWY_EXPORT(NormalExpOfAll);
HWY_EXPORT(BoundedExpOfAll);

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr float kLargest = std::numeric_limits<float>::max();
constexpr float kDenormal = std::numeric_limits<float>::denorm_min();
constexpr size_t kWholeVectors = 64;

float FromBits(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

uint32_t BitsOf(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  return bits;
}

struct Function {
  std::string name;
  void (*evaluate)(const std::vector<float>&, std::vector<float>&);
  double (*reference)(double);
};

const Function kExp = {"exp",
                       [](const std::vector<float>& x, std::vector<float>& y) {
                         HWY_DYNAMIC_DISPATCH(ExpOfAll)(x, y);
                       },
                       [](double x) { return std::exp(x); }};
const Function kLog = {"log",
                       [](const std::vector<float>& x, std::vector<float>& y) {
                         HWY_DYNAMIC_DISPATCH(LogOfAll)(x, y);
                       },
                       [](double x) { return std::log(x); }};

std::vector<float> Evaluate(const Function& function, std::vector<float> x) {
  const size_t size = x.size();
  x.resize((size + kWholeVectors - 1) / kWholeVectors * kWholeVectors);
  std::vector<float> y(x.size());
  function.evaluate(x, y);
  y.resize(size);
  return y;
}

// Every 1009th float, NaNs and infinities included, and every float near the places where a result
// is special or the evaluation changes its course.
std::vector<float> Arguments() {
  constexpr uint32_t kStep = 1009;
  constexpr uint32_t kNear = 2000;
  std::vector<float> x;
  for (uint64_t bits = 0; bits <= 0xffffffff; bits += kStep) x.push_back(FromBits(bits));
  for (const float place :
       {0.0f,        -0.0f,       kDenormal,    0x1p-126f,   -0x1p-126f,   0.5f,
        2 / 3.0f,    1.0f,        4 / 3.0f,     1.5f,        2.0f,         88.722839f,
        -87.336545f, -103.27893f, -103.972077f, 0.34657359f, -0.34657359f, 1.0397208f,
        kLargest,    -kLargest,   kInfinity,    -kInfinity}) {
    for (uint32_t i = 0; i < 2 * kNear; ++i) x.push_back(FromBits(BitsOf(place) - kNear + i));
  }
  return x;
}

// In units in the last place of a float near `expected`; infinite where only one of them is NaN.
double UnitsApart(float actual, double expected) {
  if (std::isnan(actual) || std::isnan(expected)) {
    return std::isnan(actual) && std::isnan(expected) ? 0 : kInfinity;
  }
  const auto rounded = static_cast<float>(expected);
  if (actual == rounded) {
    if (std::isinf(rounded) || expected == 0) return 0;
  } else if (std::isinf(expected) || std::isinf(actual)) {
    return kInfinity;
  }
  const int exponent = expected == 0 ? -126 : std::max(std::ilogb(expected), -126);
  return std::fabs(actual - expected) / std::ldexp(1.0, exponent - 23);
}

class VectorMathTest : public ::testing::TestWithParam<Function> {};

TEST_P(VectorMathTest, IsWithinTwoUnitsInTheLastPlace) {
  const std::vector<float> x = Arguments();
  ForEverySimdTarget([&](int64_t target) {
    const std::vector<float> y = Evaluate(GetParam(), x);
    double worst = 0;
    float worst_x = 0;
    for (size_t i = 0; i < x.size(); ++i) {
      const double units = UnitsApart(y[i], GetParam().reference(x[i]));
      if (units > worst) {
        worst = units;
        worst_x = x[i];
      }
    }
    std::printf("%s on %s: at most %.3f units in the last place, at %a\n", GetParam().name.c_str(),
                hwy::TargetName(target), worst, worst_x);
    EXPECT_LE(worst, 2) << hwy::TargetName(target) << " at " << worst_x;
  });
}

TEST_P(VectorMathTest, GivesTheSameBitsOnEveryTargetThatRoundsAlike) {
  const std::vector<float> x = Arguments();
  std::vector<float> expected[2];
  ForEverySimdTarget([&](int64_t target) {
    const std::vector<float> y = Evaluate(GetParam(), x);
    std::vector<float>& first = expected[FusesMultiplyAdd(target)];
    if (first.empty()) first = y;
    EXPECT_EQ(std::memcmp(y.data(), first.data(), y.size() * sizeof(float)), 0)
        << hwy::TargetName(target);
  });
}

INSTANTIATE_TEST_SUITE_P(Functions, VectorMathTest, ::testing::Values(kExp, kLog),
                         [](const auto& info) { return info.param.name; });

TEST(VectorMathTest, ExpHasTheSpecialValuesOfTheCLibrary) {
  ForEverySimdTarget([](int64_t target) {
    const std::vector<float> y =
        Evaluate(kExp, {0, -0.0f, kInfinity, -kInfinity, kNaN, kLargest, -kLargest, kDenormal,
                        FromBits(0x42b17217), FromBits(0x42b17218), -103.972076f, -103.9721f});
    const std::vector<float> expected = {
        1, 1, kInfinity, 0, kNaN, kInfinity, 0, 1, FromBits(0x7f7fff84), kInfinity, kDenormal, 0};
    for (size_t i = 0; i < y.size(); ++i) {
      EXPECT_TRUE(y[i] == expected[i] || (std::isnan(y[i]) && std::isnan(expected[i])))
          << hwy::TargetName(target) << ", number " << i << ": " << y[i];
    }
  });
}

TEST(VectorMathTest, LogHasTheSpecialValuesOfTheCLibrary) {
  ForEverySimdTarget([](int64_t target) {
    const std::vector<float> y =
        Evaluate(kLog, {0, -0.0f, kInfinity, -kInfinity, kNaN, 1, -1, -kDenormal, -kLargest});
    const std::vector<float> expected = {-kInfinity, -kInfinity, kInfinity, kNaN, kNaN,
                                         0,          kNaN,       kNaN,      kNaN};
    for (size_t i = 0; i < y.size(); ++i) {
      EXPECT_TRUE(y[i] == expected[i] || (std::isnan(y[i]) && std::isnan(expected[i])))
          << hwy::TargetName(target) << ", number " << i << ": " << y[i];
    }
  });
}

TEST(VectorMathTest, NormalExpGivesTheBitsOfExp) {
  std::vector<float> x(64 * 50000);
  for (size_t i = 0; i < x.size(); ++i) x[i] = -87 + 175 * (static_cast<float>(i) / x.size());
  ForEverySimdTarget([&x](int64_t target) {
    std::vector<float> y(x.size());
    HWY_DYNAMIC_DISPATCH(NormalExpOfAll)(x, y);
    EXPECT_EQ(y, Evaluate(kExp, x)) << hwy::TargetName(target);
    std::vector<float> nan(kWholeVectors, kNaN);
    HWY_DYNAMIC_DISPATCH(NormalExpOfAll)(nan, nan);
    EXPECT_TRUE(std::isnan(nan[0])) << hwy::TargetName(target);
  });
}

TEST(VectorMathTest, BoundedExpIsWithinTwoUnitsAndFinite) {
  std::vector<double> x(64 * 4000);
  for (size_t i = 0; i < x.size(); ++i) x[i] = -708 + 1417 * (static_cast<double>(i) / x.size());
  x[1] = 1e300;
  x[2] = -1e300;
  x[3] = 709;
  ForEverySimdTarget([&x](int64_t target) {
    std::vector<double> y(x.size());
    HWY_DYNAMIC_DISPATCH(BoundedExpOfAll)(x, y);
    double worst = 0;
    for (size_t i = 0; i < x.size(); ++i) {
      const long double exact = std::exp(std::clamp<long double>(x[i], -708, 709));
      worst = std::max(worst, static_cast<double>(std::fabs(y[i] - exact) / exact));
    }
    EXPECT_LT(worst, 2 * 0x1p-53 * 2) << hwy::TargetName(target);
  });
}

}  // namespace
}  // namespace mdn

#endif  // HWY_ONCE

// Elementary functions of vectors, for every SIMD target; of float32 unless they say otherwise.

#include "model/mixture/simd_targets.h"
//
#include "hwy/highway.h"

#if defined(MDN_MODEL_MIXTURE_VECTOR_MATH_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MDN_MODEL_MIXTURE_VECTOR_MATH_INL_H_
#undef MDN_MODEL_MIXTURE_VECTOR_MATH_INL_H_
#else
#define MDN_MODEL_MIXTURE_VECTOR_MATH_INL_H_
#endif

#include <cstddef>
#include <cstdint>
#include <limits>

HWY_BEFORE_NAMESPACE();
namespace mdn {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// log 2 in two parts: the first has so few bits that its product with an exponent is exact.
constexpr float kLogTwoHigh = 0.693359375f;
constexpr float kLogTwoLow = -2.12194440e-4f;

// exp x = 2^exponent exp_rest, exp_rest in [1/2, 2], for x between -105 and 90.
template <class D, class V, class VI>
HWY_INLINE V SplitExp(D d, V x, VI& exponent) {
  const hn::RebindToSigned<D> di;
  // Adding 1.5 * 2^23 leaves the nearest integer in the low bits.
  const V shifter = hn::Set(d, 0x1.8p23f);
  const V shifted = hn::MulAdd(x, hn::Set(d, 1.44269504f), shifter);
  exponent = hn::Sub(hn::BitCast(di, shifted), hn::BitCast(di, shifter));
  const V n = hn::Sub(shifted, shifter);
  const V high_rest = hn::NegMulAdd(n, hn::Set(d, kLogTwoHigh), x);
  const V rest = hn::NegMulAdd(n, hn::Set(d, kLogTwoLow), high_rest);
  // exp r = 1 + r + r^2 q(r), q minimax for |r| <= log(2) / 2: even and odd powers apart.
  const V square = hn::Mul(rest, rest);
  V even = hn::MulAdd(hn::Set(d, 0x1.6a4d6p-10f), square, hn::Set(d, 0x1.5558bp-5f));
  even = hn::MulAdd(even, square, hn::Set(d, 0x1.fffffcp-2f));
  const V odd = hn::MulAdd(hn::Set(d, 0x1.12398ep-7f), square, hn::Set(d, 0x1.555492p-3f));
  const V q = hn::MulAdd(odd, rest, even);
  return hn::Add(hn::MulAdd(q, square, rest), hn::Set(d, 1.0f));
}

// exponent in [-126, 127].
template <class D, class VI>
HWY_INLINE hn::Vec<D> PowerOfTwo(D d, VI exponent) {
  const hn::RebindToSigned<D> di;
  return hn::BitCast(d, hn::ShiftLeft<23>(hn::Add(exponent, hn::Set(di, 127))));
}

/// exp x: within 2 units in the last place, results below float32's normal range included. 0 for
/// -inf, inf where the result is beyond float32's range, NaN for NaN.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V Exp(D d, V x) {
  // Beyond these bounds the result is 0 or infinite.
  const V bounded = hn::Min(hn::Max(x, hn::Set(d, -104.0f)), hn::Set(d, 89.0f));
  hn::Vec<hn::RebindToSigned<D>> exponent;
  const V exp_rest = SplitExp(d, bounded, exponent);
  // Two factors, which are normal numbers for every exponent; only the last product rounds.
  const auto half = hn::ShiftRight<1>(exponent);
  const V first = hn::Mul(exp_rest, PowerOfTwo(d, half));
  return hn::IfThenElse(hn::IsNaN(x), x, hn::Mul(first, PowerOfTwo(d, hn::Sub(exponent, half))));
}

/// exp(x + summand) for a summand so small that its exponential is 1 + summand in float32: as a
/// factor it does not cost the precision that the sum's rounding would where x is large.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V ExpOfSum(D d, V x, float summand) {
  const V exp = Exp(d, x);
  return hn::MulAdd(exp, hn::Set(d, summand), exp);
}

/// exp x for x from -87 to 88, where the result is normal: Exp's bits with less work. NaN for NaN.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V NormalExp(D d, V x) {
  hn::Vec<hn::RebindToSigned<D>> exponent;
  const V exp_rest = SplitExp(d, x, exponent);
  return hn::Mul(exp_rest, PowerOfTwo(d, exponent));
}

/// exp x of float64 vectors, x taken as the nearest number in [-708, 709], so that the result is
/// normal and finite: within 2 units in the last place.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V BoundedExp(D d, V x) {
  const hn::RebindToSigned<D> di;
  const V bounded = hn::Min(hn::Max(x, hn::Set(d, -708.0)), hn::Set(d, 709.0));
  // Adding 1.5 * 2^52 leaves the nearest integer in the low bits.
  const V shifter = hn::Set(d, 0x1.8p52);
  const V shifted = hn::MulAdd(bounded, hn::Set(d, 1.44269504088896340736), shifter);
  const V n = hn::Sub(shifted, shifter);
  // log 2 in two parts: the product with the first is exact.
  const V high_rest = hn::NegMulAdd(n, hn::Set(d, 6.93147180369123816490e-01), bounded);
  const V rest = hn::NegMulAdd(n, hn::Set(d, 1.90821492927058770002e-10), high_rest);
  // Taylor series up to rest^13, even and odd powers apart.
  const V square = hn::Mul(rest, rest);
  V even = hn::Set(d, 1.0 / 479001600);
  V odd = hn::Set(d, 1.0 / 6227020800);
  constexpr double kEven[] = {1.0 / 3628800, 1.0 / 40320, 1.0 / 720, 1.0 / 24, 1.0 / 2, 1.0};
  constexpr double kOdd[] = {1.0 / 39916800, 1.0 / 362880, 1.0 / 5040, 1.0 / 120, 1.0 / 6, 1.0};
  for (size_t i = 0; i < 6; ++i) {
    even = hn::MulAdd(even, square, hn::Set(d, kEven[i]));
    odd = hn::MulAdd(odd, square, hn::Set(d, kOdd[i]));
  }
  const auto exponent = hn::Sub(hn::BitCast(di, shifted), hn::BitCast(di, shifter));
  const V power = hn::BitCast(d, hn::ShiftLeft<52>(hn::Add(exponent, hn::Set(di, 1023))));
  return hn::Mul(hn::MulAdd(odd, rest, even), power);
}

/// log(1 + f) for f in [-1/3, 1/3].
template <class D, class V = hn::Vec<D>>
HWY_INLINE V LogNearOne(D d, V f) {
  // f + f^2 p(f), p minimax: even and odd powers apart.
  const V square = hn::Mul(f, f);
  V even = hn::MulAdd(hn::Set(d, -0x1.07d576p-3f), square, hn::Set(d, -0x1.f32c54p-4f));
  V odd = hn::MulAdd(hn::Set(d, 0x1.1e6b14p-3f), square, hn::Set(d, 0x1.1ed5ccp-3f));
  even = hn::MulAdd(even, square, hn::Set(d, -0x1.559c8cp-3f));
  odd = hn::MulAdd(odd, square, hn::Set(d, 0x1.99d04ap-3f));
  even = hn::MulAdd(even, square, hn::Set(d, -0x1.fffefap-3f));
  odd = hn::MulAdd(odd, square, hn::Set(d, 0x1.555506p-2f));
  even = hn::MulAdd(even, square, hn::Set(d, -0.5f));
  return hn::MulAdd(hn::MulAdd(odd, f, even), square, f);
}

/// log x: within 2 units in the last place, arguments below float32's normal range included. -inf
/// for 0, NaN below 0 and for NaN, inf for inf.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V Log(D d, V x) {
  const hn::RebindToSigned<D> di;
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const auto denormal = hn::Lt(x, hn::Set(d, 0x1p-126f));
  const V normal = hn::IfThenElse(denormal, hn::Mul(x, hn::Set(d, 0x1p23f)), x);
  // x = 2^exponent (1 + f), f in [-1/3, 1/3].
  const auto bits = hn::BitCast(di, normal);
  const auto exponent = hn::ShiftRight<23>(hn::Sub(bits, hn::Set(di, 0x3f2aaaab)));
  const V f = hn::Sub(hn::BitCast(d, hn::Sub(bits, hn::ShiftLeft<23>(exponent))), hn::Set(d, 1.0f));
  const V n = hn::Sub(hn::ConvertTo(d, exponent), hn::IfThenElseZero(denormal, hn::Set(d, 23.0f)));
  V log = hn::MulAdd(n, hn::Set(d, kLogTwoLow), LogNearOne(d, f));
  log = hn::MulAdd(n, hn::Set(d, kLogTwoHigh), log);
  log = hn::IfThenElse(hn::Eq(x, hn::Zero(d)), hn::Set(d, -kInfinity), log);
  log = hn::IfThenElse(hn::Lt(x, hn::Zero(d)), hn::NaN(d), log);
  return hn::IfThenElse(hn::Lt(x, hn::Set(d, kInfinity)), log, x);
}

/// Terms that are added one after the other before their sum joins the others': with thousands of
/// components a single chain of additions drifts.
constexpr int64_t kSumBlock = 32;

/// terms[0] + terms[1] + …, in blocks of kSumBlock: an order that no vector's width changes.
HWY_INLINE float SumInBlocks(const float* terms, int64_t count) {
  float total = 0;
  for (int64_t begin = 0; begin < count; begin += kSumBlock) {
    const int64_t end = begin + kSumBlock < count ? begin + kSumBlock : count;
    float sum = 0;
    for (int64_t i = begin; i < end; ++i) sum += terms[i];
    total += sum;
  }
  return total;
}

}  // namespace HWY_NAMESPACE
}  // namespace mdn
HWY_AFTER_NAMESPACE();

#endif  // MDN_MODEL_MIXTURE_VECTOR_MATH_INL_H_

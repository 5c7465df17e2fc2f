// Elementary functions of float32 vectors, for every SIMD target.

#include "model/mixture/simd_targets.h"
//
#include "hwy/highway.h"

#if defined(MDN_MODEL_MIXTURE_VECTOR_MATH_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MDN_MODEL_MIXTURE_VECTOR_MATH_INL_H_
#undef MDN_MODEL_MIXTURE_VECTOR_MATH_INL_H_
#else
#define MDN_MODEL_MIXTURE_VECTOR_MATH_INL_H_
#endif

#include <limits>

HWY_BEFORE_NAMESPACE();
namespace mdn {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// log 2 in two parts: the first has so few bits that its product with an exponent is exact.
constexpr float kLogTwoHigh = 0.693359375f;
constexpr float kLogTwoLow = -2.12194440e-4f;

/// exp x: within 2 units in the last place, results below float32's normal range included. 0 for
/// -inf, inf where the result is beyond float32's range, NaN for NaN.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V Exp(D d, V x) {
  const hn::RebindToSigned<D> di;
  // Beyond these bounds the result is 0 or infinite.
  const V bounded = hn::Min(hn::Max(x, hn::Set(d, -104.0f)), hn::Set(d, 89.0f));
  // Adding 1.5 * 2^23 leaves the nearest integer in the low bits.
  const V shifter = hn::Set(d, 0x1.8p23f);
  const V shifted = hn::MulAdd(bounded, hn::Set(d, 1.44269504f), shifter);
  const V n = hn::Sub(shifted, shifter);
  const V high_rest = hn::NegMulAdd(n, hn::Set(d, kLogTwoHigh), bounded);
  const V rest = hn::NegMulAdd(n, hn::Set(d, kLogTwoLow), high_rest);
  // exp r = 1 + r + r^2 q(r), q minimax for |r| <= log(2) / 2: even and odd powers apart.
  const V square = hn::Mul(rest, rest);
  V even = hn::MulAdd(hn::Set(d, 0x1.6a4d6p-10f), square, hn::Set(d, 0x1.5558bp-5f));
  even = hn::MulAdd(even, square, hn::Set(d, 0x1.fffffcp-2f));
  const V odd = hn::MulAdd(hn::Set(d, 0x1.12398ep-7f), square, hn::Set(d, 0x1.555492p-3f));
  const V q = hn::MulAdd(odd, rest, even);
  const V exp_rest = hn::Add(hn::MulAdd(q, square, rest), hn::Set(d, 1.0f));
  // 2^n in two factors, which are normal numbers for every n; only the last product rounds.
  const auto exponent = hn::Sub(hn::BitCast(di, shifted), hn::BitCast(di, shifter));
  const auto half = hn::ShiftRight<1>(exponent);
  const auto bias = hn::Set(di, 127);
  const V first = hn::BitCast(d, hn::ShiftLeft<23>(hn::Add(half, bias)));
  const V second = hn::BitCast(d, hn::ShiftLeft<23>(hn::Add(hn::Sub(exponent, half), bias)));
  return hn::IfThenElse(hn::IsNaN(x), x, hn::Mul(hn::Mul(exp_rest, first), second));
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

}  // namespace HWY_NAMESPACE
}  // namespace mdn
HWY_AFTER_NAMESPACE();

#endif  // MDN_MODEL_MIXTURE_VECTOR_MATH_INL_H_

// Normal numbers from random words, for every SIMD target.

#include "model/mixture/simd_targets.h"
//
#include "hwy/highway.h"

#if defined(MDN_MODEL_MIXTURE_NORMAL_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MDN_MODEL_MIXTURE_NORMAL_INL_H_
#undef MDN_MODEL_MIXTURE_NORMAL_INL_H_
#else
#define MDN_MODEL_MIXTURE_NORMAL_INL_H_
#endif

#include <cstddef>

HWY_BEFORE_NAMESPACE();
namespace mdn {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// Several vectors at once, step by step: the instructions of one wait for one another.

/// sum[i] = (sum[i] x[i] + c0) x[i] + c1 ... for the coefficients in order.
template <class D, size_t kCount, size_t kTerms>
HWY_INLINE void ContinuePolynomial(D d, const float (&coefficients)[kTerms],
                                   const hn::Vec<D> (&x)[kCount], hn::Vec<D> (&sum)[kCount]) {
  for (const float coefficient : coefficients) {
    for (size_t i = 0; i < kCount; ++i) {
      sum[i] = hn::MulAdd(sum[i], x[i], hn::Set(d, coefficient));
    }
  }
}

/// Of u = (bits + 1/2) / 2^32: u = 2^exponent (1 + f) with f in [-1/2, 0]. From 1/2 on f is 1 - u,
/// which float32 holds next to 1 and u it does not.
template <class D, class VU>
HWY_INLINE void SplitUniform(D d, VU bits, hn::Vec<D>& exponent, hn::Vec<D>& f) {
  using V = hn::Vec<D>;
  const hn::RebindToSigned<D> di;
  const auto word = hn::BitCast(di, bits);
  const auto upper_half = hn::ShiftRight<31>(word);
  // From the nearer of 0 and 1, in units of 2^-32.
  const V distance = hn::Add(hn::ConvertTo(d, hn::Xor(word, upper_half)), hn::Set(d, 0.5f));
  const auto distance_bits = hn::BitCast(di, distance);
  const auto mantissa =
      hn::OrAnd(hn::BitCast(di, hn::Set(d, 0.5f)), distance_bits, hn::Set(di, 0x007fffff));
  const V f_of_lower_half = hn::Sub(hn::BitCast(d, mantissa), hn::Set(d, 1.0f));
  const V f_of_upper_half = hn::Mul(distance, hn::Set(d, -0x1p-32f));
  const auto is_upper_half = hn::MaskFromVec(hn::BitCast(d, upper_half));
  f = hn::IfThenElse(is_upper_half, f_of_upper_half, f_of_lower_half);
  exponent = hn::IfThenZeroElse(
      is_upper_half,
      hn::ConvertTo(d, hn::Sub(hn::ShiftRight<23>(distance_bits), hn::Set(di, 126 + 32))));
}

/// sqrt(-2 log u) for u = (bits + 1/2) / 2^32, with a relative error below 2e-7.
template <class D, class VU, size_t kCount>
HWY_INLINE void Radius(D d, const VU (&bits)[kCount], hn::Vec<D> (&radius)[kCount]) {
  hn::Vec<D> exponent[kCount], f[kCount];
  for (size_t i = 0; i < kCount; ++i) SplitUniform(d, bits[i], exponent[i], f[i]);
  // -2 log(1 + f) = f p(f), p minimax.
  for (auto& sum : radius) sum = hn::Set(d, -0x1.6a0ecap+1f);
  ContinuePolynomial(d,
                     {-0x1.a39864p+1f, -0x1.354f78p+1f, -0x1.722738p-2f, -0x1.0df6b6p-1f,
                      0x1.f313e8p-2f, -0x1.55a384p-1f, 0x1.fffecp-1f, -2.0f},
                     f, radius);
  constexpr float kMinusTwoLogTwo = -1.38629436f;
  for (size_t i = 0; i < kCount; ++i) {
    radius[i] =
        hn::Sqrt(hn::MulAdd(radius[i], f[i], hn::Mul(exponent[i], hn::Set(d, kMinusTwoLogTwo))));
  }
}

/// Two independent standard normal numbers a lane from two words of random bits, by Box and Muller:
///   first = sqrt(-2 log u) cos v, second = sqrt(-2 log u) sin v
/// u = (radius_bits + 1/2) / 2^32; v = pi n / 2^32, where n is angle_bits with its lowest bit set,
/// as a signed number, and where that bit, as it came, turns the sign of the cosine: so v takes
/// 2^32 angles that lie evenly around the circle. Errors are below 2e-6; no number exceeds sqrt(66
/// log 2) < 6.77 in magnitude.
template <class D, class VU, size_t kCount>
HWY_INLINE void BoxMuller(D d, const VU (&radius_bits)[kCount], const VU (&angle_bits)[kCount],
                          hn::Vec<D> (&first)[kCount], hn::Vec<D> (&second)[kCount]) {
  using V = hn::Vec<D>;
  const hn::RebindToSigned<D> di;
  const hn::RebindToUnsigned<D> du;
  V radius[kCount];
  Radius(d, radius_bits, radius);
  // v in units of a right angle, in (-1, 1), and its square.
  V t[kCount], square[kCount];
  for (size_t i = 0; i < kCount; ++i) {
    const auto odd = hn::BitCast(di, hn::Or(angle_bits[i], hn::Set(du, 1u)));
    t[i] = hn::Mul(hn::ConvertTo(d, odd), hn::Set(d, 0x1p-31f));
    square[i] = hn::Mul(t[i], t[i]);
    first[i] = hn::Set(d, 0x1.c29302p-11f);
    second[i] = hn::Set(d, 0x1.4701dep-13f);
  }
  // Minimax polynomials in t^2 of cos(pi t / 2) and sin(pi t / 2) / t.
  ContinuePolynomial(d, {-0x1.55020ap-6f, 0x1.03bd9ap-2f, -0x1.3bd3bp+0f, 1.0f}, square, first);
  ContinuePolynomial(d, {-0x1.32e974p-8f, 0x1.466f3ep-4f, -0x1.4abbfp-1f, 0x1.921fb6p+0f}, square,
                     second);
  for (size_t i = 0; i < kCount; ++i) {
    const V sign = hn::BitCast(d, hn::ShiftLeft<31>(angle_bits[i]));
    first[i] = hn::Mul(radius[i], hn::Xor(first[i], sign));
    second[i] = hn::Mul(hn::Mul(radius[i], t[i]), second[i]);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace mdn
HWY_AFTER_NAMESPACE();

#endif  // MDN_MODEL_MIXTURE_NORMAL_INL_H_

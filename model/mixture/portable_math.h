#ifndef MDN_MODEL_MIXTURE_PORTABLE_MATH_H_
#define MDN_MODEL_MIXTURE_PORTABLE_MATH_H_

#include <cstdint>

namespace mdn {

/// Elementary functions that give the same bits on every processor, compiler and C library, which
/// <cmath>'s do not: they use only correctly rounded operations (+ - * / and integers) in a fixed
/// order. Within 4 units in the last place.

/// log u, for a positive normal u.
double PortableLog(double u);

/// exp x, for x <= 0; 0 where x is below -708, and for NaN.
double PortableExp(double x);

struct CosineSine {
  double cosine;
  double sine;
};

/// Of the angle 2 pi (bits + 1/2) / 2^32.
CosineSine PortableCosineSine(uint32_t bits);

}  // namespace mdn

#endif  // MDN_MODEL_MIXTURE_PORTABLE_MATH_H_

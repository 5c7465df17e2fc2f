#include "model/mixture/portable_math.h"

#include <cstddef>
#include <cstring>

namespace mdn {
namespace {

// Taylor series, highest power first, so long that what they leave out is below half a unit in the
// last place: artanh(f) / f in f^2 for |f| < 0.172; exp for |x| <= log(2) / 2; cos(x) and
// sin(x) / x in x^2 for |x| <= pi / 4.
constexpr double kArtanh[] = {1.0 / 21, 1.0 / 19, 1.0 / 17, 1.0 / 15, 1.0 / 13, 1.0 / 11,
                              1.0 / 9,  1.0 / 7,  1.0 / 5,  1.0 / 3,  1.0};
constexpr double kExp[] = {1.0 / 87178291200,
                           1.0 / 6227020800,
                           1.0 / 479001600,
                           1.0 / 39916800,
                           1.0 / 3628800,
                           1.0 / 362880,
                           1.0 / 40320,
                           1.0 / 5040,
                           1.0 / 720,
                           1.0 / 120,
                           1.0 / 24,
                           1.0 / 6,
                           1.0 / 2,
                           1.0,
                           1.0};
constexpr double kCosine[] = {1.0 / 20922789888000,
                              -1.0 / 87178291200,
                              1.0 / 479001600,
                              -1.0 / 3628800,
                              1.0 / 40320,
                              -1.0 / 720,
                              1.0 / 24,
                              -1.0 / 2,
                              1.0};
constexpr double kSine[] = {1.0 / 355687428096000,
                            -1.0 / 1307674368000,
                            1.0 / 6227020800,
                            -1.0 / 39916800,
                            1.0 / 362880,
                            -1.0 / 5040,
                            1.0 / 120,
                            -1.0 / 6,
                            1.0};

constexpr double kSqrtTwo = 1.41421356237309504880;
constexpr double kTwoPi = 6.28318530717958647693;
constexpr double kInverseLogTwo = 1.44269504088896340736;
// log 2 in two parts: the first one has so few bits that its product with an exponent is exact.
constexpr double kLogTwoHigh = 6.93147180369123816490e-01;
constexpr double kLogTwoLow = 1.90821492927058770002e-10;

constexpr uint64_t kMantissaMask = 0x000fffffffffffff;
constexpr int kExponentShift = 52;
constexpr int kExponentBias = 1023;

template <size_t N>
double Polynomial(const double (&coefficients)[N], double x) {
  double sum = coefficients[0];
  for (size_t i = 1; i < N; ++i) sum = sum * x + coefficients[i];
  return sum;
}

uint64_t BitsOf(double value) {
  uint64_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  return bits;
}

double FromBits(uint64_t bits) {
  double value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

double PowerOfTwo(int exponent) {
  return FromBits(static_cast<uint64_t>(exponent + kExponentBias) << kExponentShift);
}

}  // namespace

double PortableLog(double u) {
  const uint64_t bits = BitsOf(u);
  int exponent = static_cast<int>(bits >> kExponentShift) - kExponentBias;
  double m = FromBits((bits & kMantissaMask) | BitsOf(1.0));
  if (m >= kSqrtTwo) {
    m *= 0.5;
    ++exponent;
  }
  const double f = (m - 1) / (m + 1);
  const double log_m = 2 * f * Polynomial(kArtanh, f * f);
  return exponent * kLogTwoHigh + (exponent * kLogTwoLow + log_m);
}

double PortableExp(double x) {
  if (!(x >= -708)) return 0;
  const auto n = static_cast<int>(x * kInverseLogTwo - 0.5);
  const double rest = (x - n * kLogTwoHigh) - n * kLogTwoLow;
  return Polynomial(kExp, rest) * PowerOfTwo(n);
}

CosineSine PortableCosineSine(uint32_t bits) {
  const uint32_t quarter = (bits + (uint32_t{1} << 29)) >> 30;
  const auto from_quarter = static_cast<int32_t>(bits - (quarter << 30));
  const double x = (from_quarter + 0.5) * PowerOfTwo(-32) * kTwoPi;
  const double cosine = Polynomial(kCosine, x * x);
  const double sine = x * Polynomial(kSine, x * x);
  switch (quarter) {
    case 0:
      return {cosine, sine};
    case 1:
      return {-sine, cosine};
    case 2:
      return {-cosine, -sine};
    default:
      return {sine, -cosine};
  }
}

}  // namespace mdn

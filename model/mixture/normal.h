#ifndef MDN_MODEL_MIXTURE_NORMAL_H_
#define MDN_MODEL_MIXTURE_NORMAL_H_

#include <cstdint>

namespace mdn {

struct NormalPair {
  double first;
  double second;
};

/// Two independent standard normal numbers from two words of random bits, by Box and Muller:
///   sqrt(-2 log u) * (cos 2 pi v, sin 2 pi v),  u = (radius_bits + 1/2) / 2^32, v likewise.
/// No number exceeds sqrt(66 log 2) < 6.77 in magnitude. The same bits on every processor, compiler
/// and C library.
NormalPair BoxMuller(uint32_t radius_bits, uint32_t angle_bits);

}  // namespace mdn

#endif  // MDN_MODEL_MIXTURE_NORMAL_H_

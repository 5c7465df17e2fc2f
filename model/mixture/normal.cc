#include "model/mixture/normal.h"

#include <cmath>

#include "model/mixture/portable_math.h"

namespace mdn {

NormalPair BoxMuller(uint32_t radius_bits, uint32_t angle_bits) {
  const double u = (radius_bits + 0.5) * 0x1p-32;
  const double radius = std::sqrt(-2 * PortableLog(u));
  const CosineSine direction = PortableCosineSine(angle_bits);
  return {radius * direction.cosine, radius * direction.sine};
}

}  // namespace mdn

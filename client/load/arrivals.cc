#include "client/load/arrivals.h"

#include <cmath>

namespace mdn::load {

ArrivalSchedule::ArrivalSchedule(ArrivalProcess process, double per_second, uint64_t seed,
                                 double phase)
    : process_(process), spacing_seconds_(1 / per_second), random_(seed), next_seconds_(0) {
  next_seconds_ = process == ArrivalProcess::kConstant ? phase * spacing_seconds_ : Gap();
}

std::chrono::nanoseconds ArrivalSchedule::Next() {
  const std::chrono::nanoseconds due(std::llround(next_seconds_ * 1e9));
  next_seconds_ += Gap();
  return due;
}

double ArrivalSchedule::Gap() {
  if (process_ == ArrivalProcess::kConstant) return spacing_seconds_;
  // (0, 1], by the 53 bits of a double: the standard library's distributions differ between
  // implementations.
  const double uniform = std::ldexp(static_cast<double>((random_() >> 11) + 1), -53);
  return -std::log(uniform) * spacing_seconds_;
}

}  // namespace mdn::load

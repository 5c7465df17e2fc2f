#ifndef MDN_CLIENT_LOAD_ARRIVALS_H_
#define MDN_CLIENT_LOAD_ARRIVALS_H_

#include <chrono>
#include <cstdint>
#include <random>

namespace mdn::load {

enum class ArrivalProcess {
  /// Independent of each other, as of many callers that know nothing of one another.
  kPoisson,
  /// Evenly spaced.
  kConstant,
};

/// When the requests of an open loop are due. The same for the same arguments. Thread-compatible.
class ArrivalSchedule {
 public:
  /// `per_second` > 0, on average. A constant schedule begins after `phase`, in [0, 1], of its
  /// spacing, so that several of them can take turns.
  ArrivalSchedule(ArrivalProcess process, double per_second, uint64_t seed, double phase = 1);

  /// The next one, counted from the beginning of the schedule; never before the last one.
  std::chrono::nanoseconds Next();

 private:
  double Gap();

  const ArrivalProcess process_;
  const double spacing_seconds_;
  std::mt19937_64 random_;
  double next_seconds_;
};

}  // namespace mdn::load

#endif  // MDN_CLIENT_LOAD_ARRIVALS_H_

#ifndef MDN_SERVER_RPC_POLLING_PLACES_H_
#define MDN_SERVER_RPC_POLLING_PLACES_H_

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <vector>

namespace mdn {

class PollingPlace;

/// Places for threads that poll, which are more than places so that one can take over from another
/// that works for long: at once where that was expected, and otherwise after a while. Thread-safe;
/// outlives its places' threads.
class PollingPlaces {
 public:
  /// A place that is held by the same work for `patience`, to twice that, is given to a thread that
  /// waits for one.
  PollingPlaces(int places, std::chrono::milliseconds patience)
      : places_(places), patience_(patience), free_(places) {}

 private:
  friend class PollingPlace;

  void Enter(PollingPlace& place);
  void Leave(PollingPlace& place);
  bool TakeOver();

  const int places_;
  const std::chrono::milliseconds patience_;
  // Threads that have yielded their places.
  std::atomic<int> working_{0};
  std::mutex mutex_;
  std::condition_variable freed_;
  // Guarded by mutex_.
  int free_;
  std::vector<PollingPlace*> taken_;
};

/// A thread's place among `places`: it waits for one when it is made, and leaves it in the end.
/// Confined to its thread.
class PollingPlace {
 public:
  explicit PollingPlace(PollingPlaces& places) : places_(places) { places_.Enter(*this); }
  ~PollingPlace() { places_.Leave(*this); }
  PollingPlace(const PollingPlace&) = delete;
  PollingPlace& operator=(const PollingPlace&) = delete;

  /// Work that is expected to be short. When it has taken too long all the same, this returns only
  /// after the thread has got a place again.
  template <class Work>
  void Keep(Work work) {
    work_.store(++works_, std::memory_order_relaxed);
    work();
    if (work_.exchange(kNone, std::memory_order_relaxed) == kTakenOver) places_.Enter(*this);
  }

  /// Work that is expected to be long: leaves the place to another thread meanwhile.
  template <class Work>
  void Yield(Work work) {
    places_.working_.fetch_add(1, std::memory_order_relaxed);
    places_.Leave(*this);
    work();
    places_.working_.fetch_sub(1, std::memory_order_relaxed);
    places_.Enter(*this);
  }

  /// Threads that have yielded their places work on as many processors as there are places, so that
  /// this one would only interrupt them.
  bool interrupts() const {
    return places_.working_.load(std::memory_order_relaxed) >= places_.places_;
  }

 private:
  friend class PollingPlaces;
  static constexpr int64_t kNone = 0, kTakenOver = -1;

  PollingPlaces& places_;
  int64_t works_ = 0;
  // The number of the work that is going on.
  std::atomic<int64_t> work_{kNone};
  // Guarded by the places' mutex: the work that was seen when someone last looked.
  int64_t seen_ = kNone;
};

}  // namespace mdn

#endif  // MDN_SERVER_RPC_POLLING_PLACES_H_

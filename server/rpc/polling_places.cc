#include "server/rpc/polling_places.h"

#include <algorithm>

namespace mdn {

void PollingPlaces::Enter(PollingPlace& place) {
  std::unique_lock<std::mutex> lock(mutex_);
  while (free_ == 0) {
    const auto waited = freed_.wait_for(lock, patience_);
    if (waited == std::cv_status::timeout && free_ == 0 && TakeOver()) ++free_;
  }
  --free_;
  place.seen_ = PollingPlace::kNone;
  taken_.push_back(&place);
}

void PollingPlaces::Leave(PollingPlace& place) {
  const std::lock_guard<std::mutex> lock(mutex_);
  taken_.erase(std::find(taken_.begin(), taken_.end(), &place));
  ++free_;
  freed_.notify_one();
}

// Needs the lock. Takes the place of a thread that is still at what it did at the last look.
bool PollingPlaces::TakeOver() {
  for (auto place = taken_.begin(); place != taken_.end(); ++place) {
    int64_t work = (*place)->work_.load(std::memory_order_relaxed);
    if (work != PollingPlace::kNone && work == (*place)->seen_ &&
        (*place)->work_.compare_exchange_strong(work, PollingPlace::kTakenOver,
                                                std::memory_order_relaxed)) {
      taken_.erase(place);
      return true;
    }
    (*place)->seen_ = work;
  }
  return false;
}

}  // namespace mdn

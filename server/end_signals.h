#ifndef MDN_SERVER_END_SIGNALS_H_
#define MDN_SERVER_END_SIGNALS_H_

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

namespace mdn {

/// SIGTERM, SIGINT and SIGHUP. Of the first two, one that comes while the program still starts ends
/// the process at once with 128 + its number. After Defer the first one ends Await, and a second
/// one the process. Whichever thread the system gives a signal to, this one hears of it: libraries
/// may have started threads before main. SIGHUP runs what OnHangUp was given, and nothing before.
/// Create it once, and never destroy it while the process runs. Thread-safe.
class EndSignals {
 public:
  EndSignals();
  EndSignals(const EndSignals&) = delete;
  EndSignals& operator=(const EndSignals&) = delete;

  /// From now on the first signal is Await's.
  void Defer();
  /// From now on SIGHUP runs `action`, on a thread of its own; nullptr: nothing, and what runs has
  /// ended.
  void OnHangUp(std::function<void()> action);
  /// Returns the number of the signal that came, maybe already. After Defer.
  int Await();

 private:
  void Take();

  int arrivals_ = -1;  // The handler's pipe, one byte a signal.
  std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_.
  bool deferred_ = false;
  int received_ = 0;
  std::function<void()> hang_up_;
};

}  // namespace mdn

#endif  // MDN_SERVER_END_SIGNALS_H_

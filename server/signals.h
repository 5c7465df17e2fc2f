#ifndef MDN_SERVER_SIGNALS_H_
#define MDN_SERVER_SIGNALS_H_

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <thread>

namespace mdn {

/// The signals that the process gets. SIGTERM and SIGINT end it: one that comes while the program
/// still starts at once, with 128 + its number; after Defer the first one ends Await, and a second
/// one the process. Others do what React says. Whichever thread the system gives a signal to, this
/// one hears of it: libraries may have started threads before main. SIGPIPE is ignored. Create it
/// once, and never destroy it while the process runs. Thread-safe.
class Signals {
 public:
  Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  /// From now on `signal`, none of those that end the process, calls `reaction`, on a thread that
  /// only hears of signals: one after the other, and an end that is due waits for it. What it did
  /// before has ended when this returns; so a reaction must not call this.
  void React(int signal, std::function<void()> reaction);
  /// From now on the first signal that ends is Await's.
  void Defer();
  /// Returns the number of the signal that came, maybe already. After Defer.
  int Await();

 private:
  void Hear();
  void End(int signal);

  int arrivals_ = -1;    // The handler's pipe, one byte a signal.
  std::mutex reacting_;  // Held while a reaction runs; taken before mutex_.
  std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_.
  std::map<int, std::function<void()>> reactions_;
  bool deferred_ = false;
  int received_ = 0;
};

}  // namespace mdn

#endif  // MDN_SERVER_SIGNALS_H_

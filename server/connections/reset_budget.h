#ifndef MDN_SERVER_CONNECTIONS_RESET_BUDGET_H_
#define MDN_SERVER_CONNECTIONS_RESET_BUDGET_H_

#include <chrono>
#include <cstdint>

namespace mdn {

/// What is borne of one connection's peer. Ordinary clients cancel calls, hedge them, and run out
/// of patience with all of those that are open: so as many may go unanswered as are answered, and
/// besides four times as many as may be open at once, and then 500 a second.
class ResetBudget {
 public:
  using Time = std::chrono::steady_clock::time_point;

  static constexpr int64_t kMost = 4096;
  static constexpr int64_t kPerSecond = 500;

  /// Of a peer without any streams so far.
  explicit ResetBudget(Time begin) : last_(begin) {}

  /// `answered`, `unanswered`: the peer's streams up to `now`. False: they are too many.
  bool Bears(int64_t answered, int64_t unanswered, Time now);
  /// Nobody counts the streams at `now`. As though there were no new ones: those that there are
  /// have to be borne by what is left then, once they are counted.
  void Rest(Time now) { Bears(answered_, unanswered_, now); }
  /// Streams that may go unanswered before they are too many.
  int64_t left() const { return left_ > 0 ? static_cast<int64_t>(left_) : 0; }

 private:
  int64_t answered_ = 0;
  int64_t unanswered_ = 0;
  Time last_;
  double left_ = kMost;
};

}  // namespace mdn

#endif  // MDN_SERVER_CONNECTIONS_RESET_BUDGET_H_

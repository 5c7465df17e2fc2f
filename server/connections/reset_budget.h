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
  static constexpr std::chrono::seconds kLongestPause{30};

  /// From the first look on, whatever came before; and anew where nobody has looked for longer than
  /// kLongestPause.
  ResetBudget(int64_t answered, int64_t unanswered, Time now)
      : answered_(answered), unanswered_(unanswered), last_(now) {}

  /// `answered`, `unanswered`: the peer's streams up to `now`. False: they are too many.
  bool Bears(int64_t answered, int64_t unanswered, Time now);

 private:
  int64_t answered_;
  int64_t unanswered_;
  Time last_;
  double left_ = kMost;
};

}  // namespace mdn

#endif  // MDN_SERVER_CONNECTIONS_RESET_BUDGET_H_

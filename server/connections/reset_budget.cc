#include "server/connections/reset_budget.h"

#include <algorithm>
#include <utility>

namespace mdn {

bool ResetBudget::Bears(int64_t answered, int64_t unanswered, Time now) {
  const std::chrono::duration<double> time = now - std::exchange(last_, now);
  left_ += kPerSecond * time.count();
  left_ += static_cast<double>(answered - std::exchange(answered_, answered));
  left_ -= static_cast<double>(unanswered - std::exchange(unanswered_, unanswered));
  left_ = std::min<double>(left_, kMost);
  return left_ >= 0;
}

}  // namespace mdn

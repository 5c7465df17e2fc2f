#ifndef MDN_TESTS_SUPPORT_AWAIT_H_
#define MDN_TESTS_SUPPORT_AWAIT_H_

#include <chrono>
#include <thread>

namespace mdn {

/// Whether `fits`, asked again and again, came true before `limit` was over.
template <class Predicate>
bool Await(Predicate fits, std::chrono::seconds limit = std::chrono::seconds(30)) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (!fits()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

}  // namespace mdn

#endif  // MDN_TESTS_SUPPORT_AWAIT_H_

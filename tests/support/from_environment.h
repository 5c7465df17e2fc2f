#ifndef MDN_TESTS_SUPPORT_FROM_ENVIRONMENT_H_
#define MDN_TESTS_SUPPORT_FROM_ENVIRONMENT_H_

#include <cstdlib>

namespace mdn {

/// A number by which a test is longer than in ordinary runs.
inline int FromEnvironment(const char* name, int otherwise) {
  const char* const value = std::getenv(name);
  return value == nullptr ? otherwise : std::atoi(value);
}

}  // namespace mdn

#endif  // MDN_TESTS_SUPPORT_FROM_ENVIRONMENT_H_

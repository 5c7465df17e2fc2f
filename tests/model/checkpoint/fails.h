#ifndef MDN_TESTS_MODEL_CHECKPOINT_FAILS_H_
#define MDN_TESTS_MODEL_CHECKPOINT_FAILS_H_

#include <gmock/gmock.h>

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"

namespace mdn {

inline absl::Status StatusOf(const absl::Status& status) { return status; }
template <typename T>
absl::Status StatusOf(const absl::StatusOr<T>& result) {
  return result.status();
}

/// A status, or the one of a StatusOr, that is INVALID_ARGUMENT and says `piece`.
MATCHER_P(Refused, piece, std::string("is refused with a message that has: ") + piece) {
  const absl::Status status = StatusOf(arg);
  *result_listener << "whose status is " << status.ToString();
  return absl::IsInvalidArgument(status) && absl::StrContains(status.message(), piece);
}

/// A StatusOr that has a value.
MATCHER(Loads, "loads") {
  *result_listener << "whose status is " << arg.status().ToString();
  return arg.ok();
}

}  // namespace mdn

#endif  // MDN_TESTS_MODEL_CHECKPOINT_FAILS_H_

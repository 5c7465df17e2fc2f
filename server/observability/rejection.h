#ifndef MDN_SERVER_OBSERVABILITY_REJECTION_H_
#define MDN_SERVER_OBSERVABILITY_REJECTION_H_

#include <optional>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace mdn {

/// Why the server did not evaluate a request that it could have answered at a better time.
enum class Rejection {
  kQueueFull,
  /// It would hardly be answered before its deadline.
  kDeadlineTooNear,
  /// Its deadline passed before its rows were evaluated.
  kDeadlinePassed,
  kTooManyCalls,
  kTooMuchMemory,
  kDraining,
};
constexpr int kRejections = 6;

/// As metrics name it: "queue_full".
absl::string_view RejectionName(Rejection rejection);

/// The status, which is not OK, with the reason attached to it for those who count.
absl::Status Rejected(Rejection rejection, absl::Status status);

/// Nothing where the status is not of Rejected.
std::optional<Rejection> RejectionOf(const absl::Status& status);

}  // namespace mdn

#endif  // MDN_SERVER_OBSERVABILITY_REJECTION_H_

#include "server/observability/rejection.h"

#include "absl/strings/cord.h"

namespace mdn {
namespace {

constexpr absl::string_view kPayload = "mdn/rejection";

constexpr absl::string_view kNames[kRejections] = {"queue_full",      "deadline_too_near",
                                                   "deadline_passed", "too_many_calls",
                                                   "too_much_memory", "draining"};

}  // namespace

absl::string_view RejectionName(Rejection rejection) { return kNames[static_cast<int>(rejection)]; }

absl::Status Rejected(Rejection rejection, absl::Status status) {
  status.SetPayload(kPayload, absl::Cord(RejectionName(rejection)));
  return status;
}

std::optional<Rejection> RejectionOf(const absl::Status& status) {
  const auto name = status.GetPayload(kPayload);
  if (!name.has_value()) return std::nullopt;
  for (int i = 0; i < kRejections; ++i) {
    if (*name == kNames[i]) return static_cast<Rejection>(i);
  }
  return std::nullopt;
}

}  // namespace mdn

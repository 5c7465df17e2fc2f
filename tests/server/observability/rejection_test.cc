#include "server/observability/rejection.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace mdn {
namespace {

TEST(RejectionTest, StaysWithTheStatus) {
  for (int i = 0; i < kRejections; ++i) {
    const auto rejection = static_cast<Rejection>(i);
    const absl::Status status = Rejected(rejection, absl::UnavailableError("not now"));
    EXPECT_EQ(RejectionOf(status), rejection);
    EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
    EXPECT_EQ(status.message(), "not now");
  }
}

TEST(RejectionTest, IsNotInOtherStatuses) {
  EXPECT_EQ(RejectionOf(absl::OkStatus()), std::nullopt);
  EXPECT_EQ(RejectionOf(absl::ResourceExhaustedError("full")), std::nullopt);
}

TEST(RejectionTest, HasANameOfItsOwn) {
  std::set<std::string> names;
  for (int i = 0; i < kRejections; ++i) {
    names.emplace(RejectionName(static_cast<Rejection>(i)));
  }
  EXPECT_EQ(names.size(), kRejections);
  EXPECT_EQ(names.count(""), 0u);
}

}  // namespace
}  // namespace mdn

#include "client/load/arrivals.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <cstdint>
#include <vector>

namespace mdn::load {
namespace {

using std::chrono::nanoseconds;

std::vector<int64_t> Take(ArrivalSchedule schedule, int count) {
  std::vector<int64_t> due;
  for (int i = 0; i < count; ++i) due.push_back(schedule.Next().count());
  return due;
}

TEST(ArrivalScheduleTest, SpacesConstantArrivalsEvenly) {
  const auto due = Take(ArrivalSchedule(ArrivalProcess::kConstant, 1000, 0), 3);

  EXPECT_EQ(due, (std::vector<int64_t>{1'000'000, 2'000'000, 3'000'000}));
}

TEST(ArrivalScheduleTest, LetsConstantSchedulesTakeTurns) {
  const auto first = Take(ArrivalSchedule(ArrivalProcess::kConstant, 500, 0, 0.5), 2);
  const auto second = Take(ArrivalSchedule(ArrivalProcess::kConstant, 500, 0, 1), 2);

  EXPECT_EQ(first, (std::vector<int64_t>{1'000'000, 3'000'000}));
  EXPECT_EQ(second, (std::vector<int64_t>{2'000'000, 4'000'000}));
}

TEST(ArrivalScheduleTest, GivesTheSameForTheSameSeedOnly) {
  const auto schedule = [](uint64_t seed) {
    return Take(ArrivalSchedule(ArrivalProcess::kPoisson, 1000, seed), 100);
  };

  EXPECT_EQ(schedule(1), schedule(1));
  EXPECT_NE(schedule(1), schedule(2));
}

TEST(ArrivalScheduleTest, NeverGoesBack) {
  const auto due = Take(ArrivalSchedule(ArrivalProcess::kPoisson, 1e7, 3), 100'000);

  for (size_t i = 1; i < due.size(); ++i) ASSERT_GE(due[i], due[i - 1]);
}

// The gaps of a Poisson process are exponential: their mean and their standard deviation are equal,
// and a fraction 1/e of them is longer.
TEST(ArrivalScheduleTest, HasExponentialGapsForPoissonArrivals) {
  constexpr int kCount = 100'000;
  constexpr double kSpacing = 1e6;  // ns, of 1000 a second
  const auto due = Take(ArrivalSchedule(ArrivalProcess::kPoisson, 1000, 4), kCount);
  double squares = 0;
  int longer = 0;
  for (int i = 0; i < kCount; ++i) {
    const auto gap = static_cast<double>(due[i] - (i == 0 ? 0 : due[i - 1]));
    squares += (gap - kSpacing) * (gap - kSpacing);
    longer += gap > kSpacing;
  }

  // Five standard errors each.
  const double error = 1 / std::sqrt(kCount);
  EXPECT_NEAR(static_cast<double>(due.back()) / kCount / kSpacing, 1, 5 * error);
  EXPECT_NEAR(std::sqrt(squares / kCount) / kSpacing, 1, 5 * std::sqrt(2) * error);
  EXPECT_NEAR(static_cast<double>(longer) / kCount, std::exp(-1), 5 * 0.5 * error);
}

}  // namespace
}  // namespace mdn::load

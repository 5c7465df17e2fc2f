#include "client/load/result.h"

#include <gtest/gtest.h>

namespace mdn::load {
namespace {

constexpr int kUnavailable = 14;

/// 100 requests in two seconds, of 1 … 100 microseconds.
LoadResult HundredRequests() {
  LoadResult result;
  for (int i = 1; i <= 100; ++i) result.latency.Record(1000 * i);
  result.answers[0] = 100;
  result.in_window = 90;
  result.window_seconds = 2;
  result.elapsed_seconds = 2.5;
  result.response_bytes = 7300;
  return result;
}

TEST(LoadReportTest, CountsWhatWasAnsweredInTheWindow) {
  const LoadReport report = Summarise(HundredRequests(), 16);

  EXPECT_DOUBLE_EQ(report.requests_per_second, 45);
  EXPECT_DOUBLE_EQ(report.rows_per_second, 720);
  EXPECT_DOUBLE_EQ(report.response_bytes, 73);
}

TEST(LoadReportTest, GivesLatenciesInMicroseconds) {
  const LoadReport report = Summarise(HundredRequests(), 1);

  EXPECT_NEAR(report.p50, 50, 0.05);
  EXPECT_NEAR(report.p90, 90, 0.09);
  EXPECT_NEAR(report.p99, 99, 0.1);
  EXPECT_DOUBLE_EQ(report.p999, 100);
  EXPECT_DOUBLE_EQ(report.max, 100);
  EXPECT_DOUBLE_EQ(report.mean, 50.5);
}

TEST(LoadReportTest, SaysNothingOfNothing) {
  const LoadReport report = Summarise(LoadResult(), 1);

  EXPECT_EQ(report.requests_per_second, 0);
  EXPECT_EQ(report.response_bytes, 0);
  EXPECT_EQ(report.generator_limit, "");
}

TEST(LoadReportTest, NamesAGeneratorThatHasNoTimeLeftInAClosedLoop) {
  LoadResult result = HundredRequests();
  result.processors = 2;
  result.cpu_seconds = 4.5;
  EXPECT_EQ(Summarise(result, 1).generator_limit, "");
  result.cpu_seconds = 4.9;
  EXPECT_EQ(Summarise(result, 1).generator_limit, "busy for 98 % of its time");

  // Whoever does not sleep has time as long as it looks for answers in vain.
  result.vain_seconds = 1.25;
  EXPECT_DOUBLE_EQ(Summarise(result, 1).generator_load, 0.73);
  EXPECT_EQ(Summarise(result, 1).generator_limit, "");
  result.vain_seconds = 0;

  result.open_loop = true;
  EXPECT_EQ(Summarise(result, 1).generator_limit, "");
}

TEST(LoadReportTest, NamesAGeneratorThatFallsBehindItsSchedule) {
  LoadResult result = HundredRequests();
  result.open_loop = true;
  for (int i = 0; i < 100; ++i) result.lag.Record(40'000);
  EXPECT_EQ(Summarise(result, 1).generator_limit, "");
  for (int i = 0; i < 10; ++i) result.lag.Record(60'000);
  EXPECT_EQ(Summarise(result, 1).generator_limit, "behind its schedule by 60 us at p99");
}

TEST(LoadResultTest, AddsUp) {
  LoadResult result = HundredRequests();
  LoadResult other = HundredRequests();
  other.answers[kUnavailable] = 3;
  other.late = 2;
  other.vain_seconds = 0.5;
  other.window_seconds = 3;
  result.Add(other);

  EXPECT_EQ(result.total(), 203);
  EXPECT_EQ(result.answers[kUnavailable], 3);
  EXPECT_EQ(result.late, 2);
  EXPECT_DOUBLE_EQ(result.vain_seconds, 0.5);
  EXPECT_EQ(result.in_window, 180);
  EXPECT_EQ(result.latency.count(), 200);
  EXPECT_DOUBLE_EQ(result.window_seconds, 3);
}

TEST(StatusCodeNameTest, NamesCodes) {
  EXPECT_EQ(StatusCodeName(0), "OK");
  EXPECT_EQ(StatusCodeName(kUnavailable), "UNAVAILABLE");
}

}  // namespace
}  // namespace mdn::load

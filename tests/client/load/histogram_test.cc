#include "client/load/histogram.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>

namespace mdn::load {
namespace {

TEST(LatencyHistogramTest, TellsNothingOfNothing) {
  const LatencyHistogram histogram;

  EXPECT_EQ(histogram.count(), 0);
  EXPECT_EQ(histogram.max(), 0);
  EXPECT_EQ(histogram.mean(), 0);
  EXPECT_EQ(histogram.Quantile(0.5), 0);
}

TEST(LatencyHistogramTest, IsExactForShortDurations) {
  LatencyHistogram histogram;
  for (int64_t value = 1; value <= 1000; ++value) histogram.Record(value);

  EXPECT_EQ(histogram.count(), 1000);
  EXPECT_EQ(histogram.Quantile(0), 1);
  EXPECT_EQ(histogram.Quantile(0.5), 500);
  EXPECT_EQ(histogram.Quantile(0.99), 990);
  EXPECT_EQ(histogram.Quantile(0.999), 999);
  EXPECT_EQ(histogram.Quantile(1), 1000);
  EXPECT_DOUBLE_EQ(histogram.mean(), 500.5);
}

TEST(LatencyHistogramTest, IsNeverBelowNorMoreThanOneIn1024AboveWhatWasRecorded) {
  for (double exact = 1; exact < LatencyHistogram::kLongest / 2; exact *= 1.37) {
    LatencyHistogram histogram;
    const auto value = static_cast<int64_t>(exact);
    histogram.Record(value);
    histogram.Record(2 * value);

    EXPECT_GE(histogram.Quantile(0.5), value);
    EXPECT_LE(histogram.Quantile(0.5), value + value / 1024);
    EXPECT_EQ(histogram.Quantile(1), 2 * value);
  }
}

TEST(LatencyHistogramTest, KeepsTheOrderOfDurations) {
  int64_t last = 0;
  for (int64_t value = 1; value < LatencyHistogram::kLongest; value += 1 + value / 700) {
    LatencyHistogram histogram;
    histogram.Record(value);
    histogram.Record(LatencyHistogram::kLongest);
    EXPECT_GE(histogram.Quantile(0.5), last);
    last = histogram.Quantile(0.5);
  }
}

TEST(LatencyHistogramTest, TakesTheExtremes) {
  LatencyHistogram histogram;
  histogram.Record(-5);
  histogram.Record(INT64_MAX);

  EXPECT_EQ(histogram.Quantile(0.5), 0);
  EXPECT_EQ(histogram.Quantile(1), LatencyHistogram::kLongest);
  EXPECT_EQ(histogram.max(), LatencyHistogram::kLongest);
}

TEST(LatencyHistogramTest, AddsUpToTheSameAsRecordingTogether) {
  LatencyHistogram first, second, together;
  for (int64_t value = 1; value < 1'000'000'000; value = value * 3 + 1) {
    (value % 2 == 0 ? first : second).Record(value);
    together.Record(value);
  }
  first.Add(second);

  EXPECT_EQ(first.count(), together.count());
  EXPECT_EQ(first.max(), together.max());
  EXPECT_DOUBLE_EQ(first.mean(), together.mean());
  for (const double q : {0.0, 0.25, 0.5, 0.9, 1.0}) {
    EXPECT_EQ(first.Quantile(q), together.Quantile(q));
  }
}

}  // namespace
}  // namespace mdn::load

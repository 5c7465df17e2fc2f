#include "server/observability/histogram.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

namespace mdn {
namespace {

using ::testing::ElementsAre;

constexpr int64_t kBounds[] = {1, 10, 100};

TEST(HistogramTest, PutsAValueIntoTheBucketWhoseBoundItDoesNotExceed) {
  Histogram histogram(kBounds);
  for (const int64_t value : {-5, 0, 1, 2, 10, 11, 100, 101, 5000}) histogram.Observe(value);
  const Histogram::Snapshot snapshot = histogram.Read();
  EXPECT_THAT(snapshot.counts, ElementsAre(3, 2, 2, 2));
  EXPECT_EQ(snapshot.sum, -5 + 0 + 1 + 2 + 10 + 11 + 100 + 101 + 5000);
}

TEST(HistogramTest, CountsTimesInNanoseconds) {
  Histogram histogram(DurationBounds());
  histogram.Observe(std::chrono::microseconds(1));
  histogram.Observe(std::chrono::nanoseconds(1001));
  histogram.Observe(std::chrono::hours(1));
  const Histogram::Snapshot snapshot = histogram.Read();
  EXPECT_EQ(snapshot.counts[0], 1);
  EXPECT_EQ(snapshot.counts[1], 1);
  EXPECT_EQ(snapshot.counts.back(), 1);
  EXPECT_EQ(std::accumulate(snapshot.counts.begin(), snapshot.counts.end(), int64_t{0}), 3);
  EXPECT_EQ(snapshot.sum, 1000 + 1001 + int64_t{3600} * 1'000'000'000);
}

TEST(HistogramTest, BoundsAscend) {
  for (const auto bounds : {DurationBounds(), RowBounds()}) {
    EXPECT_TRUE(std::is_sorted(bounds.begin(), bounds.end()));
    EXPECT_EQ(std::adjacent_find(bounds.begin(), bounds.end()), bounds.end());
  }
}

}  // namespace
}  // namespace mdn

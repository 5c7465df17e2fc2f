#include "server/observability/counts.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace mdn {
namespace {

TEST(CountsTest, KeepsItsNumbersApart) {
  Counts counts(40);  // More than one line of memory.
  for (int i = 0; i < 40; ++i) counts.Add(i, i);
  counts.Add(17);
  for (int i = 0; i < 40; ++i) EXPECT_EQ(counts.Sum(i), i == 17 ? 18 : i) << i;
}

TEST(CountsTest, LosesNothingThatManyThreadsAdd) {
  constexpr int kThreads = 300;  // More than there are parts.
  constexpr int kAdditions = 1000;
  Counts counts(2);
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&counts] {
      for (int j = 0; j < kAdditions; ++j) {
        counts.Add(0);
        counts.Add(1, -3);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(counts.Sum(0), kThreads * kAdditions);
  EXPECT_EQ(counts.Sum(1), -3 * kThreads * kAdditions);
}

TEST(CountsTest, KeepsWhatThreadsAddedThatHaveEnded) {
  Counts counts;
  for (int i = 0; i < 300; ++i) std::thread([&counts] { counts.Add(0); }).join();
  EXPECT_EQ(counts.Sum(), 300);
}

TEST(CountsTest, CanBeReadWhileThreadsAdd) {
  Counts counts;
  std::thread adding([&counts] {
    for (int i = 0; i < 100'000; ++i) counts.Add(0);
  });
  int64_t last = 0;
  while (last < 100'000) {
    const int64_t now = counts.Sum();
    ASSERT_GE(now, last);
    last = now;
  }
  adding.join();
  EXPECT_EQ(counts.Sum(), 100'000);
}

}  // namespace
}  // namespace mdn

#include "client/load/process_usage.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <thread>

namespace mdn::load {
namespace {

/// Computes until this process's clock says that it has used `seconds` more.
void UseCpu(double seconds) {
  const double begin = ReadProcessUsage(getpid())->cpu_seconds;
  while (ReadProcessUsage(getpid())->cpu_seconds < begin + seconds) {
  }
}

TEST(ProcessUsageTest, CountsThreadsThatHaveEnded) {
  const auto before = ReadProcessUsage(getpid());
  std::thread([] { UseCpu(0.01); }).join();
  const auto after = ReadProcessUsage(getpid());

  ASSERT_TRUE(before.ok() && after.ok());
  EXPECT_GE(after->cpu_seconds - before->cpu_seconds, 0.01);
}

TEST(ProcessUsageTest, CountsContextSwitches) {
  const auto before = ReadProcessUsage(getpid());
  std::this_thread::sleep_for(std::chrono::milliseconds(10));  // Gives the processor away.
  const auto after = ReadProcessUsage(getpid());

  ASSERT_TRUE(before.ok() && after.ok());
  EXPECT_GT(after->context_switches, before->context_switches);
}

TEST(ProcessUsageTest, RefusesAProcessThatIsNotThere) {
  const auto usage = ReadProcessUsage(1 << 22);  // Above the largest that Linux gives.

  EXPECT_EQ(usage.status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace mdn::load

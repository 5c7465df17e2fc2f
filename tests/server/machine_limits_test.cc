#include "server/machine_limits.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <unistd.h>

#include <string>

#include "tests/support/temporary_directory.h"

namespace mdn {
namespace {

/// A directory that stands for the root of the file system.
class MachineLimitsTest : public testing::Test {
 protected:
  void Write(const std::string& path, const std::string& text) const { root_.Write(path, text); }

  int Usable() const { return UsableCpus(root_.path()); }
  int64_t Memory() const { return UsableMemory(root_.path()); }

  static int Affinity() {
    cpu_set_t cpus;
    sched_getaffinity(0, sizeof(cpus), &cpus);
    return CPU_COUNT(&cpus);
  }

 private:
  const TemporaryDirectory root_;
};

TEST_F(MachineLimitsTest, IsTheAffinityWithoutAGroup) { EXPECT_EQ(Usable(), Affinity()); }

TEST_F(MachineLimitsTest, RoundsAVersion2QuotaUp) {
  Write("proc/self/cgroup", "0::/pod/container\n");
  Write("sys/fs/cgroup/pod/container/cpu.max", "50000 100000\n");
  EXPECT_EQ(Usable(), 1);
}

TEST_F(MachineLimitsTest, TakesTheLeastLimitOfTheGroupsAbove) {
  Write("proc/self/cgroup", "0::/pod/container\n");
  Write("sys/fs/cgroup/pod/container/cpu.max", "max 100000\n");
  Write("sys/fs/cgroup/pod/cpu.max", "90000 100000\n");
  EXPECT_EQ(Usable(), 1);
}

TEST_F(MachineLimitsTest, SeesTheLimitAtTheMountAsContainersDo) {
  Write("proc/self/cgroup", "0::/\n");
  Write("sys/fs/cgroup/cpu.max", "100000 100000\n");
  EXPECT_EQ(Usable(), 1);
}

TEST_F(MachineLimitsTest, ReadsAVersion1Quota) {
  Write("proc/self/cgroup", "4:cpu,cpuacct:/box\n");
  Write("sys/fs/cgroup/cpu/box/cpu.cfs_quota_us", "10000\n");
  Write("sys/fs/cgroup/cpu/box/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(Usable(), 1);
}

TEST_F(MachineLimitsTest, MemoryIsTheMachinesWithoutAGroup) {
  EXPECT_EQ(Memory(), int64_t{sysconf(_SC_PHYS_PAGES)} * sysconf(_SC_PAGE_SIZE));
}

TEST_F(MachineLimitsTest, MemoryIsTheLeastOfTheGroups) {
  Write("proc/self/cgroup", "0::/pod/container\n");
  Write("sys/fs/cgroup/pod/container/memory.max", "max\n");
  Write("sys/fs/cgroup/pod/memory.max", "268435456\n");
  EXPECT_EQ(Memory(), 268435456);
}

TEST_F(MachineLimitsTest, ReadsAVersion1LimitOfMemoryAtTheMountAsContainersDo) {
  Write("proc/self/cgroup", "6:memory:/not/seen/from/within\n");
  Write("sys/fs/cgroup/memory/memory.limit_in_bytes", "134217728\n");
  EXPECT_EQ(Memory(), 134217728);
}

TEST_F(MachineLimitsTest, AnUnlimitedOrBrokenGroupLimitsNothing) {
  Write("proc/self/cgroup", "4:cpu:/box\n0::/pod\nnonsense\n");
  Write("sys/fs/cgroup/cpu/box/cpu.cfs_quota_us", "-1\n");
  Write("sys/fs/cgroup/cpu/box/cpu.cfs_period_us", "100000\n");
  Write("sys/fs/cgroup/pod/cpu.max", "what\n");
  Write("sys/fs/cgroup/pod/memory.max", "-5\n");
  EXPECT_EQ(Usable(), Affinity());
  EXPECT_GT(Memory(), 0);
}

}  // namespace
}  // namespace mdn

#ifndef MDN_SERVER_CPU_LIMIT_H_
#define MDN_SERVER_CPU_LIMIT_H_

#include <string>

namespace mdn {

/// Processors that this process may use, at least 1: the least of its CPU affinity and the limits
/// of its control group and the groups above it (v2 cpu.max, v1 cpu.cfs_quota_us), rounded up.
/// `root` is prefixed to /proc and /sys, for tests.
int UsableCpus(const std::string& root = "");

}  // namespace mdn

#endif  // MDN_SERVER_CPU_LIMIT_H_

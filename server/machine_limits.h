#ifndef MDN_SERVER_MACHINE_LIMITS_H_
#define MDN_SERVER_MACHINE_LIMITS_H_

#include <cstdint>
#include <string>

namespace mdn {

/// Processors that this process may use, at least 1: the least of its CPU affinity and the limits
/// of its control group and the groups above it (v2 cpu.max, v1 cpu.cfs_quota_us), rounded up.
/// `root` is prefixed to /proc and /sys, for tests.
int UsableCpus(const std::string& root = "");

/// Bytes of memory that this process may use: the least of the machine's and the limits of its
/// control group and the groups above it (v2 memory.max, v1 memory.limit_in_bytes).
int64_t UsableMemory(const std::string& root = "");

}  // namespace mdn

#endif  // MDN_SERVER_MACHINE_LIMITS_H_

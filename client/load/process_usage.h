#ifndef MDN_CLIENT_LOAD_PROCESS_USAGE_H_
#define MDN_CLIENT_LOAD_PROCESS_USAGE_H_

#include <sys/types.h>

#include <cstdint>

#include "absl/status/statusor.h"

namespace mdn::load {

/// What a process has used so far.
struct ProcessUsage {
  /// All its threads, also those that have ended; user and system.
  double cpu_seconds = 0;
  /// Of the threads that it has now.
  int64_t context_switches = 0;
};

/// NOT_FOUND: there is no such process on this machine, or it is another user's.
absl::StatusOr<ProcessUsage> ReadProcessUsage(pid_t pid);

}  // namespace mdn::load

#endif  // MDN_CLIENT_LOAD_PROCESS_USAGE_H_

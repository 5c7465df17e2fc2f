#include "client/load/process_usage.h"

#include <ctime>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>

#include "absl/strings/str_cat.h"

namespace mdn::load {
namespace {

int64_t ContextSwitches(const std::filesystem::path& thread) {
  int64_t switches = 0;
  std::ifstream status(thread / "status");
  for (std::string line; std::getline(status, line);) {
    // "voluntary_ctxt_switches:	12" and "nonvoluntary_ctxt_switches:	3".
    const size_t colon = line.find("ctxt_switches:");
    if (colon != std::string::npos) switches += std::stoll(line.substr(line.find(':') + 1));
  }
  return switches;
}

}  // namespace

absl::StatusOr<ProcessUsage> ReadProcessUsage(pid_t pid) {
  ProcessUsage usage;
  clockid_t clock = 0;
  timespec time{};
  if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &time) != 0) {
    return absl::NotFoundError(absl::StrCat("there is no process ", pid, " to look at"));
  }
  usage.cpu_seconds = static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
  std::error_code error;
  for (const auto& thread :
       std::filesystem::directory_iterator(absl::StrCat("/proc/", pid, "/task"), error)) {
    usage.context_switches += ContextSwitches(thread.path());
  }
  return usage;
}

}  // namespace mdn::load

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <string>
#include <system_error>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "server/observability/exposition.h"

namespace mdn {
namespace {

using Type = Exposition::Type;

std::string ReadFile(const char* path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

/// The fields of /proc/self/stat from `state`, the third one, on; empty where it cannot be read.
std::vector<double> StatFields() {
  const std::string text = ReadFile("/proc/self/stat");
  const size_t name_end = text.rfind(')');  // The second field may hold anything.
  std::vector<double> fields;
  if (name_end == std::string::npos) return fields;
  for (const absl::string_view word :
       absl::StrSplit(absl::string_view(text).substr(name_end + 1), ' ', absl::SkipEmpty())) {
    double value = 0;
    if (!absl::SimpleAtod(word, &value)) value = 0;
    fields.push_back(value);
  }
  return fields;
}

/// Seconds since 1970 at which the system started; 0 where that is not told.
double BootTime() {
  for (const absl::string_view line : absl::StrSplit(ReadFile("/proc/stat"), '\n')) {
    double seconds = 0;
    const std::vector<absl::string_view> words = absl::StrSplit(line, ' ');
    if (words.size() == 2 && words[0] == "btime" && absl::SimpleAtod(words[1], &seconds)) {
      return seconds;
    }
  }
  return 0;
}

double Limit(decltype(RLIMIT_NOFILE) resource) {
  rlimit limit{};
  if (getrlimit(resource, &limit) != 0) return 0;
  if (limit.rlim_cur == RLIM_INFINITY) return std::numeric_limits<double>::infinity();
  return static_cast<double>(limit.rlim_cur);
}

double OpenFiles() {
  std::error_code error;
  const std::filesystem::directory_iterator files("/proc/self/fd", error);
  // One is the directory's.
  return error ? 0 : static_cast<double>(std::distance(begin(files), end(files)) - 1);
}

}  // namespace

void AddProcessMetrics(Exposition& exposition) {
  const auto add = [&exposition](Type type, absl::string_view name, absl::string_view help,
                                 double value) {
    exposition.Begin(type, name, help);
    exposition.Add({}, value);
  };
  add(Type::Gauge, "process_open_fds", "Open file descriptors.", OpenFiles());
  add(Type::Gauge, "process_max_fds", "File descriptors that may be open.", Limit(RLIMIT_NOFILE));
  add(Type::Gauge, "process_virtual_memory_max_bytes", "Virtual memory that may be had.",
      Limit(RLIMIT_AS));

  // Numbered as in proc(5), from 1; the first in the vector is field 3.
  const std::vector<double> stat = StatFields();
  constexpr size_t kUserTime = 14, kSystemTime = 15, kThreads = 20, kStart = 22, kVirtual = 23,
                   kResident = 24;
  if (stat.size() <= kResident - 3) return;
  const auto field = [&stat](size_t number) { return stat[number - 3]; };
  const auto ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
  add(Type::Counter, "process_cpu_seconds_total", "Processor time used, user and system.",
      (field(kUserTime) + field(kSystemTime)) / ticks);
  add(Type::Gauge, "process_threads", "Threads.", field(kThreads));
  add(Type::Gauge, "process_start_time_seconds", "When the process started, in seconds since 1970.",
      BootTime() + field(kStart) / ticks);
  add(Type::Gauge, "process_virtual_memory_bytes", "Virtual memory.", field(kVirtual));
  add(Type::Gauge, "process_resident_memory_bytes", "Resident memory.",
      field(kResident) * static_cast<double>(sysconf(_SC_PAGESIZE)));
}

}  // namespace mdn

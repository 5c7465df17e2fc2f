#include "server/machine_limits.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <sstream>
#include <thread>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace mdn {
namespace {

constexpr double kNoLimit = std::numeric_limits<double>::infinity();

/// The file's words; none where it cannot be read.
std::vector<std::string> Words(const std::string& path) {
  std::ifstream file(path);
  std::vector<std::string> words;
  for (std::string word; words.size() < 16 && file >> word;) words.push_back(word);
  return words;
}

double Ratio(const std::string& quota, const std::string& period) {
  double quota_us = 0;
  double period_us = 0;
  if (!absl::SimpleAtod(quota, &quota_us) || !absl::SimpleAtod(period, &period_us)) return kNoLimit;
  return quota_us > 0 && period_us > 0 ? quota_us / period_us : kNoLimit;
}

/// What a group's directory says of one resource.
using LimitOf = double (*)(const std::string& directory);

double CpusOfV2Group(const std::string& directory) {
  const std::vector<std::string> words = Words(directory + "/cpu.max");
  return words.size() == 2 ? Ratio(words[0], words[1]) : kNoLimit;  // "max" is no number.
}

double CpusOfV1Group(const std::string& directory) {
  const std::vector<std::string> quota = Words(directory + "/cpu.cfs_quota_us");
  const std::vector<std::string> period = Words(directory + "/cpu.cfs_period_us");
  return quota.empty() || period.empty() ? kNoLimit : Ratio(quota[0], period[0]);
}

double BytesIn(const std::string& path) {
  const std::vector<std::string> words = Words(path);
  return words.size() == 1 ? Ratio(words[0], "1") : kNoLimit;
}

double BytesOfV2Group(const std::string& directory) { return BytesIn(directory + "/memory.max"); }

double BytesOfV1Group(const std::string& directory) {
  return BytesIn(directory + "/memory.limit_in_bytes");
}

/// The least limit of `group` ("/a/b") and of every group above it.
double LimitOfHierarchy(const std::string& mount, std::string group, LimitOf limit_of) {
  double limit = limit_of(mount);
  while (!group.empty() && group != "/") {
    limit = std::min(limit, limit_of(mount + group));
    group.resize(group.rfind('/'));
  }
  return limit;
}

/// `controller` is version 1's name of what has the limit.
double ControlGroupLimit(const std::string& root, const std::string& controller, LimitOf in_v2,
                         LimitOf in_v1) {
  double limit = kNoLimit;
  const std::string mount = root + "/sys/fs/cgroup";
  std::ifstream groups(root + "/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {  // "hierarchy:controllers:/path"
    const std::vector<std::string> fields = absl::StrSplit(line, absl::MaxSplits(':', 2));
    if (fields.size() != 3 || fields[2].empty() || fields[2][0] != '/') continue;
    const std::vector<std::string> controllers = absl::StrSplit(fields[1], ',');
    if (fields[1].empty()) {
      limit = std::min(limit, LimitOfHierarchy(mount, fields[2], in_v2));
    } else if (std::count(controllers.begin(), controllers.end(), controller) > 0) {
      limit =
          std::min(limit, LimitOfHierarchy(absl::StrCat(mount, "/", controller), fields[2], in_v1));
    }
  }
  return limit;
}

int AffinityCpus() {
  cpu_set_t cpus;
  if (sched_getaffinity(0, sizeof(cpus), &cpus) == 0) return CPU_COUNT(&cpus);
  return static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
}

}  // namespace

int UsableCpus(const std::string& root) {
  const double limit = std::min<double>(
      AffinityCpus(), ControlGroupLimit(root, "cpu", CpusOfV2Group, CpusOfV1Group));
  return std::max(1, static_cast<int>(std::ceil(limit)));
}

int64_t UsableMemory(const std::string& root) {
  const double machine = static_cast<double>(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGE_SIZE);
  return static_cast<int64_t>(
      std::min(machine, ControlGroupLimit(root, "memory", BytesOfV2Group, BytesOfV1Group)));
}

}  // namespace mdn

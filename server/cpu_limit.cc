#include "server/cpu_limit.h"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <sstream>
#include <thread>
#include <vector>

#include "absl/strings/numbers.h"
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

double LimitOfV2Group(const std::string& directory) {
  const std::vector<std::string> words = Words(directory + "/cpu.max");
  return words.size() == 2 ? Ratio(words[0], words[1]) : kNoLimit;  // "max" is no number.
}

double LimitOfV1Group(const std::string& directory) {
  const std::vector<std::string> quota = Words(directory + "/cpu.cfs_quota_us");
  const std::vector<std::string> period = Words(directory + "/cpu.cfs_period_us");
  return quota.empty() || period.empty() ? kNoLimit : Ratio(quota[0], period[0]);
}

/// The least limit of `group` ("/a/b") and of every group above it.
double LimitOfHierarchy(const std::string& mount, std::string group,
                        double (*limit_of)(const std::string&)) {
  double limit = limit_of(mount);
  while (!group.empty() && group != "/") {
    limit = std::min(limit, limit_of(mount + group));
    group.resize(group.rfind('/'));
  }
  return limit;
}

double ControlGroupLimit(const std::string& root) {
  double limit = kNoLimit;
  std::ifstream groups(root + "/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {  // "hierarchy:controllers:/path"
    const std::vector<std::string> fields = absl::StrSplit(line, absl::MaxSplits(':', 2));
    if (fields.size() != 3 || fields[2].empty() || fields[2][0] != '/') continue;
    const std::vector<std::string> controllers = absl::StrSplit(fields[1], ',');
    if (fields[1].empty()) {
      limit = std::min(limit, LimitOfHierarchy(root + "/sys/fs/cgroup", fields[2], LimitOfV2Group));
    } else if (std::count(controllers.begin(), controllers.end(), "cpu") > 0) {
      limit =
          std::min(limit, LimitOfHierarchy(root + "/sys/fs/cgroup/cpu", fields[2], LimitOfV1Group));
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
  const double limit = std::min<double>(AffinityCpus(), ControlGroupLimit(root));
  return std::max(1, static_cast<int>(std::ceil(limit)));
}

}  // namespace mdn

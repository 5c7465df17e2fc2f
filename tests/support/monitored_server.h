#ifndef MDN_TESTS_SUPPORT_MONITORED_SERVER_H_
#define MDN_TESTS_SUPPORT_MONITORED_SERVER_H_

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "tests/support/child_process.h"
#include "tests/support/scrape.h"

namespace mdn {

/// A server with monitoring on a free port.
class MonitoredServer {
 public:
  explicit MonitoredServer(std::vector<std::string> flags = {})
      : process_("ex_1d.pt", WithMonitoring(std::move(flags))) {
    const std::string line = process_.ReadLine();
    const std::string prefix = "metrics on ";
    EXPECT_EQ(line.rfind(prefix, 0), 0u) << line;
    monitoring_ = line.substr(prefix.size());
  }

  ServerProcess& process() { return process_; }
  const std::string& monitoring() const { return monitoring_; }
  HttpAnswer Get(const std::string& path) const { return HttpGet(monitoring_, path); }
  /// What the metrics say now of one series.
  double Metric(const std::string& series) const { return Sample(Get("/metrics").body, series); }

 private:
  static std::vector<std::string> WithMonitoring(std::vector<std::string> flags) {
    flags.emplace_back("--metrics_listen=127.0.0.1:0");
    return flags;
  }

  ServerProcess process_;
  std::string monitoring_;
};

}  // namespace mdn

#endif  // MDN_TESTS_SUPPORT_MONITORED_SERVER_H_

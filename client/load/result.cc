#include "client/load/result.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace mdn::load {
namespace {

// A closed loop with less of its processors left has no time for another request.
constexpr double kBusy = 0.95;
// Of the 99th percentile of latency: what the generator may add to it.
constexpr double kMostLag = 0.5;

double Microseconds(int64_t nanoseconds) { return static_cast<double>(nanoseconds) / 1e3; }

double PerSecond(int64_t count, double seconds) {
  return seconds > 0 ? static_cast<double>(count) / seconds : 0;
}

std::string GeneratorLimit(const LoadResult& result, const LoadReport& report) {
  if (result.open_loop && report.lag_p99 > kMostLag * report.p99) {
    return absl::StrCat("behind its schedule by ", std::llround(report.lag_p99), " us at p99");
  }
  if (!result.open_loop && report.generator_load >= kBusy) {
    return absl::StrCat("busy for ", std::llround(100 * report.generator_load), " % of its time");
  }
  return "";
}

}  // namespace

int64_t LoadResult::total() const {
  return std::accumulate(answers.begin(), answers.end(), int64_t{0});
}

void LoadResult::Add(const LoadResult& other) {
  latency.Add(other.latency);
  lag.Add(other.lag);
  for (int code = 0; code < kStatusCodes; ++code) {
    answers[code] += other.answers[code];
    if (messages[code].empty()) messages[code] = other.messages[code];
  }
  late += other.late;
  in_window += other.in_window;
  window_seconds = std::max(window_seconds, other.window_seconds);
  response_bytes += other.response_bytes;
  vain_seconds += other.vain_seconds;
}

LoadReport Summarise(const LoadResult& result, int64_t rows_per_request) {
  LoadReport report;
  report.requests_per_second = PerSecond(result.in_window, result.window_seconds);
  report.rows_per_second = report.requests_per_second * static_cast<double>(rows_per_request);
  report.p50 = Microseconds(result.latency.Quantile(0.5));
  report.p90 = Microseconds(result.latency.Quantile(0.9));
  report.p99 = Microseconds(result.latency.Quantile(0.99));
  report.p999 = Microseconds(result.latency.Quantile(0.999));
  report.max = Microseconds(result.latency.max());
  report.mean = result.latency.mean() / 1e3;
  report.response_bytes =
      PerSecond(result.response_bytes, static_cast<double>(result.latency.count()));
  report.lag_p99 = Microseconds(result.lag.Quantile(0.99));
  if (result.elapsed_seconds > 0) {
    report.generator_load = std::max(0.0, result.cpu_seconds - result.vain_seconds) /
                            (result.elapsed_seconds * result.processors);
  }
  report.generator_limit = GeneratorLimit(result, report);
  return report;
}

std::string StatusCodeName(int code) {
  return absl::StatusCodeToString(static_cast<absl::StatusCode>(code));
}

}  // namespace mdn::load

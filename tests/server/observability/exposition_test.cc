#include "server/observability/exposition.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace mdn {
namespace {

using ::testing::AllOf;
using ::testing::Ge;
using ::testing::HasSubstr;
using ::testing::Le;

/// The value of a sample without labels; -1 where there is none.
double Value(const std::string& text, const std::string& name) {
  const size_t at = text.find(absl::StrCat("\n", name, " "));
  double value = -1;
  if (at == std::string::npos) return value;
  const size_t begin = at + name.size() + 2;
  return absl::SimpleAtod(text.substr(begin, text.find('\n', begin) - begin), &value) ? value : -1;
}

TEST(ExpositionTest, WritesFamiliesInTheTextFormat) {
  Exposition exposition;
  exposition.Begin(Exposition::Type::Counter, "calls_total", "Calls.");
  exposition.Add({{"code", "OK"}}, 12345678901);
  exposition.Add({{"code", "NOT_FOUND"}}, 0);
  exposition.Begin(Exposition::Type::Gauge, "rows", "Rows.");
  exposition.Add({}, 2.5);
  EXPECT_EQ(exposition.Text(),
            "# HELP calls_total Calls.\n"
            "# TYPE calls_total counter\n"
            "calls_total{code=\"OK\"} 12345678901\n"
            "calls_total{code=\"NOT_FOUND\"} 0\n"
            "# HELP rows Rows.\n"
            "# TYPE rows gauge\n"
            "rows 2.5\n");
}

TEST(ExpositionTest, EscapesWhatNamesOfModelsMayHold) {
  Exposition exposition;
  exposition.Begin(Exposition::Type::Gauge, "model", "A model.");
  exposition.Add({{"name", "a\"b\\c\nd"}}, 1);
  EXPECT_THAT(exposition.Text(), HasSubstr("model{name=\"a\\\"b\\\\c\\nd\"} 1\n"));
}

TEST(ExpositionTest, WritesHistogramsCumulativelyInTheirUnit) {
  static constexpr int64_t kBounds[] = {1000, 2'000'000};
  Histogram histogram(kBounds);
  for (const int64_t nanoseconds : {500, 900, 3000, 5'000'000}) histogram.Observe(nanoseconds);
  Exposition exposition;
  exposition.Begin(Exposition::Type::Histogram, "time_seconds", "Time.");
  exposition.Add({{"method", "Predict"}}, histogram, 1e-9);
  EXPECT_EQ(exposition.Text(),
            "# HELP time_seconds Time.\n"
            "# TYPE time_seconds histogram\n"
            "time_seconds_count{method=\"Predict\"} 4\n"
            "time_seconds_sum{method=\"Predict\"} 0.0050044\n"
            "time_seconds_bucket{method=\"Predict\",le=\"1e-06\"} 2\n"
            "time_seconds_bucket{method=\"Predict\",le=\"0.002\"} 3\n"
            "time_seconds_bucket{method=\"Predict\",le=\"+Inf\"} 4\n");
}

TEST(ExpositionTest, WritesEachBoundWithItsOwnShortDecimals) {
  const Histogram histogram(DurationBounds());
  Exposition exposition;
  exposition.Begin(Exposition::Type::Histogram, "time_seconds", "Time.");
  exposition.Add({}, histogram, 1e-9);
  const std::string text = exposition.Text();
  for (const absl::string_view bound : {"5e-06", "2e-05", "0.0002", "0.005", "0.05", "0.1", "10"}) {
    EXPECT_THAT(text, HasSubstr(absl::StrCat("time_seconds_bucket{le=\"", bound, "\"} 0\n")));
  }
}

TEST(ExpositionTest, TellsOfTheProcess) {
  Exposition exposition;
  AddProcessMetrics(exposition);
  const std::string text = exposition.Text();
  const auto now = static_cast<double>(std::chrono::duration_cast<std::chrono::seconds>(
                                           std::chrono::system_clock::now().time_since_epoch())
                                           .count());
  EXPECT_THAT(Value(text, "process_start_time_seconds"), AllOf(Ge(now - 3600), Le(now + 2)));
  EXPECT_THAT(Value(text, "process_resident_memory_bytes"), Ge(1 << 20));
  EXPECT_THAT(Value(text, "process_virtual_memory_bytes"),
              Ge(Value(text, "process_resident_memory_bytes")));
  EXPECT_THAT(Value(text, "process_cpu_seconds_total"), Ge(0));
  EXPECT_THAT(Value(text, "process_threads"), Ge(1));
  EXPECT_THAT(Value(text, "process_max_fds"), Ge(Value(text, "process_open_fds")));
}

TEST(ExpositionTest, CountsOpenFiles) {
  const auto open_files = [] {
    Exposition exposition;
    AddProcessMetrics(exposition);
    return Value("\n" + exposition.Text(), "process_open_fds");
  };
  const double before = open_files();
  const int file = dup(0);
  EXPECT_EQ(open_files(), before + 1);
  close(file);
}

}  // namespace
}  // namespace mdn

#include "client/tool/bench_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "client/load/result.h"

namespace mdn::tool {
namespace {

using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

/// A level of 8 requests under way, each answered within 10 us, by a generator with this load.
BenchLevel LevelAt(double generator_load) {
  BenchLevel level;
  level.level = 8;
  level.result.answers[0] = 4;
  level.result.in_window = 4;
  level.result.window_seconds = 1;
  level.result.cpu_seconds = generator_load;
  level.result.elapsed_seconds = 1;
  for (int i = 0; i < 4; ++i) level.result.latency.Record(10'000);
  return level;
}

std::string Printed(Format format, const BenchLevel& level) {
  char* text = nullptr;
  size_t size = 0;
  std::FILE* const stream = open_memstream(&text, &size);
  Output output(stream);
  BenchPrinter(format, BenchSettings{}, /*with_server_cost=*/false, output).Print(level);
  std::fclose(stream);
  std::string printed(text, size);
  std::free(text);
  return printed;
}

TEST(BenchReportTest, SaysWhereTheGeneratorWasTheLimit) {
  const BenchLevel limited = LevelAt(0.98);
  EXPECT_THAT(Printed(Format::kTable, limited),
              EndsWith("\n  the load generator was the limit: busy for 98 % of its time\n"));
  EXPECT_THAT(Printed(Format::kCsv, limited), EndsWith(",busy for 98 % of its time\n"));
  EXPECT_THAT(Printed(Format::kJson, limited),
              HasSubstr("\"limit\":\"busy for 98 % of its time\""));
}

TEST(BenchReportTest, SaysNothingOfAGeneratorWithTimeToSpare) {
  EXPECT_THAT(Printed(Format::kTable, LevelAt(0.5)), Not(HasSubstr("generator")));
  EXPECT_THAT(Printed(Format::kJson, LevelAt(0.5)), HasSubstr("\"limit\":\"\""));
}

TEST(BenchReportTest, NamesErrorsBelowTheirLevel) {
  BenchLevel level = LevelAt(0.5);
  level.result.answers[8] = 3;
  level.result.answers[14] = 1;
  EXPECT_THAT(Printed(Format::kTable, level),
              EndsWith("\n  errors: RESOURCE_EXHAUSTED 3, UNAVAILABLE 1\n"));
  EXPECT_THAT(Printed(Format::kCsv, level), HasSubstr(",RESOURCE_EXHAUSTED=3;UNAVAILABLE=1,"));
}

}  // namespace
}  // namespace mdn::tool

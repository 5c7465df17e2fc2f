#include "client/tool/bench_report.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/tool/json.h"

namespace mdn::tool {
namespace {

using load::LoadReport;
using load::LoadResult;

std::vector<std::string> Errors(const LoadResult& result, absl::string_view between, bool quoted) {
  std::vector<std::string> errors;
  for (int code = 1; code < load::kStatusCodes; ++code) {
    if (result.answers[code] == 0) continue;
    const std::string name = load::StatusCodeName(code);
    errors.push_back(absl::StrCat(quoted ? JsonString(name) : name, between, result.answers[code]));
  }
  return errors;
}

int64_t ErrorCount(const LoadResult& result) { return result.total() - result.answers[0]; }

std::vector<Column> Columns(const BenchSettings& settings, Format format, bool with_server_cost) {
  std::vector<Column> columns = {Real(settings.open_loop ? "requests/s" : "concurrency"),
                                 Real("answered/s"),
                                 Real("rows/s"),
                                 Integer("p50_us"),
                                 Integer("p90_us"),
                                 Integer("p99_us"),
                                 Integer("p99.9_us"),
                                 Integer("max_us"),
                                 Integer("errors"),
                                 Integer("late")};
  if (with_server_cost) {
    columns.push_back(Integer("server_us"));
    columns.push_back(Integer("switches"));
  }
  if (format == Format::kCsv) {
    columns.push_back({"errors_by_code"});
    columns.push_back({"generator_limit"});
  }
  return columns;
}

std::string Json(const LoadReport& report) {
  return absl::StrCat("{\"mean\":", JsonNumber(report.mean), ",\"p50\":", JsonNumber(report.p50),
                      ",\"p90\":", JsonNumber(report.p90), ",\"p99\":", JsonNumber(report.p99),
                      ",\"p99.9\":", JsonNumber(report.p999), ",\"max\":", JsonNumber(report.max),
                      "}");
}

std::string Json(const BenchSettings& settings, double level) {
  return absl::StrCat("\"rpc\":", JsonString(settings.rpc), ",\"rows\":", settings.rows,
                      ",\"num_samples\":", settings.num_samples,
                      ",\"connections\":", settings.connections, ",\"threads\":", settings.threads,
                      ",\"stream\":", settings.stream ? "true" : "false",
                      ",\"awake\":", settings.awake ? "true" : "false",
                      settings.open_loop ? ",\"rate\":" : ",\"concurrency\":", JsonNumber(level));
}

std::string Json(const ServerCost& cost) {
  return absl::StrCat(
      "{\"cpu_us_per_request\":", JsonNumber(cost.cpu_microseconds_per_request),
      ",\"context_switches_per_request\":", JsonNumber(cost.context_switches_per_request), "}");
}

}  // namespace

BenchPrinter::BenchPrinter(Format format, const BenchSettings& settings, bool with_server_cost,
                           Output& output)
    : format_(format), settings_(settings), output_(output) {
  if (format != Format::kJson) {
    records_.emplace(format, Columns(settings, format, with_server_cost), output);
  }
}

void BenchPrinter::Print(const BenchLevel& level) {
  const LoadReport report = Summarise(level.result, settings_.rows);
  if (format_ == Format::kJson) {
    PrintObject(level, report);
    return;
  }
  PrintRecord(level, report);
  if (format_ == Format::kTable) PrintNotes(level, report);
}

void BenchPrinter::PrintRecord(const BenchLevel& level, const LoadReport& report) {
  std::vector<Cell> cells = {level.level,
                             report.requests_per_second,
                             report.rows_per_second,
                             report.p50,
                             report.p90,
                             report.p99,
                             report.p999,
                             report.max,
                             ErrorCount(level.result),
                             level.result.late};
  if (level.server.has_value()) {
    cells.emplace_back(level.server->cpu_microseconds_per_request);
    cells.emplace_back(level.server->context_switches_per_request);
  }
  if (format_ == Format::kCsv) {
    cells.emplace_back(absl::StrJoin(Errors(level.result, "=", /*quoted=*/false), ";"));
    cells.emplace_back(report.generator_limit);
  }
  records_->Write(cells);
}

void BenchPrinter::PrintNotes(const BenchLevel& level, const LoadReport& report) {
  const std::vector<std::string> errors = Errors(level.result, " ", /*quoted=*/false);
  if (!errors.empty()) output_.Write(absl::StrCat("  errors: ", absl::StrJoin(errors, ", "), "\n"));
  if (!report.generator_limit.empty()) {
    output_.Write(
        absl::StrCat("  the load generator was the limit: ", report.generator_limit, "\n"));
  }
}

void BenchPrinter::PrintObject(const BenchLevel& level, const LoadReport& report) {
  const LoadResult& result = level.result;
  std::string json = absl::StrCat(
      "{", Json(settings_, level.level), ",\"seconds\":", JsonNumber(result.window_seconds),
      ",\"answers\":", result.total(),
      ",\"requests_per_second\":", JsonNumber(report.requests_per_second),
      ",\"rows_per_second\":", JsonNumber(report.rows_per_second), ",\"latency_us\":", Json(report),
      ",\"late\":", result.late, ",\"errors\":{",
      absl::StrJoin(Errors(result, ":", /*quoted=*/true), ","),
      "},\"response_bytes\":", JsonNumber(report.response_bytes),
      ",\"generator\":{\"load\":", JsonNumber(report.generator_load),
      ",\"lag_p99_us\":", JsonNumber(report.lag_p99),
      ",\"limit\":", JsonString(report.generator_limit), "}");
  if (level.server.has_value()) absl::StrAppend(&json, ",\"server\":", Json(*level.server));
  output_.Write(absl::StrCat(json, "}\n"));
}

}  // namespace mdn::tool

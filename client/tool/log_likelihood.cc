#include <CLI/App.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/tool/command.h"
#include "client/tool/exit_code.h"
#include "client/tool/json.h"
#include "client/tool/slices.h"

namespace mdn::tool {
namespace {

struct LogLikelihoodFlags {
  RowFlags rows;
  std::string y;
};

/// The rows of a request, x and y.
struct Points {
  Rows x;
  Rows y;
};

/// Splits the last `dim_out` columns off as y.
absl::StatusOr<Points> SplitColumns(const Rows& rows, int64_t dim_out, const std::string& name) {
  if (rows.columns <= dim_out) {
    return absl::InvalidArgumentError(absl::StrCat(name, ": ", rows.columns,
                                                   " columns, expected some of x and then ",
                                                   dim_out, " of y; or give y with --y"));
  }
  Points points{{{}, rows.count, rows.columns - dim_out}, {{}, rows.count, dim_out}};
  for (auto row = rows.values.begin(); row != rows.values.end(); row += rows.columns) {
    const auto y = row + points.x.columns;
    points.x.values.insert(points.x.values.end(), row, y);
    points.y.values.insert(points.y.values.end(), y, y + dim_out);
  }
  return points;
}

absl::StatusOr<Points> Pair(const Rows& x, RowReader& y_reader) {
  absl::StatusOr<Rows> y = y_reader.Read(x.count);
  if (!y.ok()) return y.status();
  if (y->count < x.count) return absl::InvalidArgumentError("--y: fewer rows than x has");
  return Points{x, *std::move(y)};
}

/// Prints a line for each row, or a JSON object. Confined to one thread.
class LogLikelihoodPrinter {
 public:
  LogLikelihoodPrinter(Format format, Output& output) : output_(output) {
    if (format != Format::kJson) {
      records_.emplace(format, std::vector<Column>{Integer("row"), Real("log_likelihood")}, output);
    }
  }

  void Print(const LogLikelihoods& result, int64_t first_row) {
    int64_t row = first_row;
    for (const float value : result.log_likelihood.values) {
      if (records_) {
        records_->Write({row, double{value}});
      } else {
        output_.Write(
            absl::StrCat("{\"row\":", row, ",\"log_likelihood\":", JsonNumber(value), "}\n"));
      }
      ++row;
    }
  }

 private:
  Output& output_;
  std::optional<RecordWriter> records_;
};

using TakePoints = absl::FunctionRef<absl::StatusOr<Points>(const Rows&)>;

absl::Status Evaluate(RowReader& reader, int64_t rows_per_request, TakePoints take,
                      const Session& session) {
  std::optional<LogLikelihoodPrinter> printer;
  return ForEachSlice(reader, rows_per_request, session.output, [&](const Slice& slice) {
    const absl::StatusOr<Points> points = take(slice.rows);
    if (!points.ok()) return points.status();
    const auto& [x, y] = *points;
    absl::StatusOr<LogLikelihoods> result = session.client.LogLikelihood(
        {session.model, {{x.count, x.columns}, x.values}, {{y.count, y.columns}, y.values}});
    if (!result.ok()) return result.status();
    if (!printer) printer.emplace(session.format, session.output);
    printer->Print(*result, slice.first_row);
    return absl::OkStatus();
  });
}

absl::Status EvaluatePairs(RowReader& x_reader, const LogLikelihoodFlags& flags,
                           const Session& session) {
  RowReader y_reader = RowReader::FromFlag("--y", flags.y);
  absl::Status status = Evaluate(
      x_reader, flags.rows.rows_per_request, [&](const Rows& x) { return Pair(x, y_reader); },
      session);
  if (!status.ok()) return status;
  const absl::StatusOr<Rows> left_over = y_reader.Read(1);
  if (!left_over.ok()) return left_over.status();
  return left_over->count == 0 ? status : absl::InvalidArgumentError("--y: more rows than x has");
}

absl::Status LogLikelihood(const LogLikelihoodFlags& flags, const Session& session) {
  absl::StatusOr<RowReader> reader = OpenRows(flags.rows);
  if (!reader.ok()) return reader.status();
  if (!flags.y.empty()) return EvaluatePairs(*reader, flags, session);
  const absl::StatusOr<ModelInfo> info = session.client.GetModel(session.model);
  if (!info.ok()) return info.status();
  return Evaluate(
      *reader, flags.rows.rows_per_request,
      [&](const Rows& rows) { return SplitColumns(rows, info->dim_out, reader->name()); }, session);
}

}  // namespace

Command AddLogLikelihood(CLI::App& tool) {
  CLI::App* command = tool.add_subcommand("log-likelihood", "log p(y | x), in nats");
  auto flags = std::make_shared<LogLikelihoodFlags>();
  AddRowFlags(*command, &flags->rows);
  command
      ->add_option(
          "--y", flags->y,
          "A row of y for each row of x. Without it the last columns of the rows are y, as "
          "many as the model has dimensions")
      ->type_name("ROWS");
  command->footer(
      "-inf means that the density underflows; JSON cannot write it and has null.\n"
      "\n"
      "Examples:\n"
      "  mdn_client log-likelihood --x='0.5;1.5' --y='0.1;0.2'\n"
      "  mdn_client log-likelihood --input=x_and_y.csv --format=json");
  return {command, [flags](const Session& session) { return LogLikelihood(*flags, session); },
          ExitCode};
}

}  // namespace mdn::tool

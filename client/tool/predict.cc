#include <CLI/App.hpp>
#include <cmath>
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

/// Prints mixtures: a line for each row and component, or a JSON object for each row.
/// Confined to one thread.
class MixturePrinter {
 public:
  MixturePrinter(Format format, Output& output) : format_(format), output_(output) {}

  void Print(const Prediction& prediction, int64_t first_row) {
    if (format_ != Format::kJson && !records_) {
      records_.emplace(format_, Columns(prediction), output_);
    }
    for (int64_t row = 0; row < prediction.log_pi.shape.front(); ++row) {
      if (format_ == Format::kJson) {
        PrintObject(prediction, row, first_row);
      } else {
        PrintRecords(prediction, row, first_row);
      }
    }
  }

 private:
  static std::vector<Column> Columns(const Prediction& prediction) {
    const int64_t dims = prediction.mu.shape.back();
    std::vector<Column> columns = {Integer("row"), Integer("component"), Real("pi")};
    AddColumns("mu", dims, &columns);
    AddColumns("sigma", dims, &columns);
    for (int64_t i = 0; prediction.scale_tril && i < dims; ++i) {
      for (int64_t j = 0; j <= i; ++j) {
        columns.push_back(Real(absl::StrCat("scale_tril_", i, "_", j)));
      }
    }
    return columns;
  }

  // In double, since a weight may be far below the smallest float.
  static std::vector<double> Weights(const Prediction& prediction, int64_t row) {
    std::vector<double> weights;
    for (const float log_pi : RowOf(prediction.log_pi, row)) {
      weights.push_back(std::exp(static_cast<double>(log_pi)));
    }
    return weights;
  }

  void PrintRecords(const Prediction& prediction, int64_t row, int64_t first_row) {
    const std::vector<double> pi = Weights(prediction, row);
    const auto mu = RowOf(prediction.mu, row);
    const auto sigma = RowOf(prediction.sigma, row);
    const size_t dims = prediction.mu.shape.back();
    for (size_t k = 0; k < pi.size(); ++k) {
      std::vector<Cell> cells = {first_row + row, static_cast<int64_t>(k), pi[k]};
      for (const float value : mu.subspan(k * dims, dims)) cells.emplace_back(double{value});
      for (const float value : sigma.subspan(k * dims, dims)) cells.emplace_back(double{value});
      if (prediction.scale_tril) {
        AddLowerTriangle(RowOf(*prediction.scale_tril, row).subspan(k * dims * dims), dims, &cells);
      }
      records_->Write(cells);
    }
  }

  static void AddLowerTriangle(absl::Span<const float> matrix, size_t dims,
                               std::vector<Cell>* cells) {
    for (size_t i = 0; i < dims; ++i) {
      for (size_t j = 0; j <= i; ++j) cells->emplace_back(double{matrix[i * dims + j]});
    }
  }

  void PrintObject(const Prediction& prediction, int64_t row, int64_t first_row) {
    const std::vector<double> pi = Weights(prediction, row);
    const int64_t components = prediction.mu.shape[1];
    const int64_t dims = prediction.mu.shape[2];
    std::string json =
        absl::StrCat("{\"row\":", first_row + row, ",\"pi\":", JsonArray(pi, {components}),
                     ",\"mu\":", JsonArray(RowOf(prediction.mu, row), {components, dims}),
                     ",\"sigma\":", JsonArray(RowOf(prediction.sigma, row), {components, dims}));
    if (prediction.scale_tril) {
      absl::StrAppend(&json, ",\"scale_tril\":",
                      JsonArray(RowOf(*prediction.scale_tril, row), {components, dims, dims}));
    }
    output_.Write(absl::StrCat(json, "}\n"));
  }

  const Format format_;
  Output& output_;
  std::optional<RecordWriter> records_;
};

absl::Status Predict(const RowFlags& flags, const Session& session) {
  absl::StatusOr<RowReader> reader = OpenRows(flags);
  if (!reader.ok()) return reader.status();
  MixturePrinter printer(session.format, session.output);
  return ForEachSlice(*reader, flags.rows_per_request, session.output, [&](const Slice& slice) {
    const Rows& x = slice.rows;
    absl::StatusOr<Prediction> prediction =
        session.client.Predict({session.model, {{x.count, x.columns}, x.values}});
    if (prediction.ok()) printer.Print(*prediction, slice.first_row);
    return prediction.status();
  });
}

}  // namespace

Command AddPredict(CLI::App& tool) {
  CLI::App* command = tool.add_subcommand("predict", "The mixture over y at each x");
  auto flags = std::make_shared<RowFlags>();
  AddRowFlags(*command, flags.get());
  command->footer(
      "Table and CSV have a line for each row and component: its weight pi, means mu and standard\n"
      "deviations sigma, for a full covariance also the lower triangle scale_tril. JSON has an\n"
      "object for each row, with lists over components, and dimensions inside them.\n"
      "\n"
      "Examples:\n"
      "  mdn_client predict --x='0.5;1.5'\n"
      "  mdn_client --server=gpu1:50051 predict --input=rows.csv --format=csv > mixtures.csv");
  return {command, [flags](const Session& session) { return Predict(*flags, session); }, ExitCode};
}

}  // namespace mdn::tool

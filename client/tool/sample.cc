#include <CLI/App.hpp>
#include <CLI/Validators.hpp>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/tool/command.h"
#include "client/tool/exit_code.h"
#include "client/tool/json.h"
#include "client/tool/seed.h"
#include "client/tool/slices.h"

namespace mdn::tool {
namespace {

struct SampleFlags {
  RowFlags rows;
  int64_t num_samples = 1;
  std::optional<uint64_t> seed;
  std::optional<float> pi_temperature;
  std::optional<float> sigma_scale;
  bool components = false;
};

/// Prints samples: a line for each, or a JSON object for each row. Confined to one thread.
class SamplePrinter {
 public:
  SamplePrinter(Format format, Output& output) : format_(format), output_(output) {}

  void Print(const Samples& samples, int64_t first_row) {
    if (format_ != Format::kJson && !records_) records_.emplace(format_, Columns(samples), output_);
    for (int64_t row = 0; row < samples.samples.shape.front(); ++row) {
      if (format_ == Format::kJson) {
        PrintObject(samples, row, first_row);
      } else {
        PrintRecords(samples, row, first_row);
      }
    }
  }

 private:
  static std::vector<Column> Columns(const Samples& samples) {
    std::vector<Column> columns = {Integer("row"), Integer("sample")};
    if (!samples.components.empty()) columns.push_back(Integer("component"));
    AddColumns("y", samples.samples.shape.back(), &columns);
    return columns;
  }

  /// Empty where they were not asked for.
  static absl::Span<const int32_t> ComponentsOf(const Samples& samples, int64_t row) {
    const size_t stride = samples.components.size() / samples.samples.shape.front();
    return absl::MakeConstSpan(samples.components).subspan(row * stride, stride);
  }

  void PrintRecords(const Samples& samples, int64_t row, int64_t first_row) {
    const auto values = RowOf(samples.samples, row);
    const auto components = ComponentsOf(samples, row);
    const size_t dims = samples.samples.shape.back();
    for (int64_t i = 0; i < samples.samples.shape[1]; ++i) {
      std::vector<Cell> cells = {first_row + row, i};
      if (!components.empty()) cells.emplace_back(int64_t{components[i]});
      for (const float value : values.subspan(i * dims, dims)) cells.emplace_back(double{value});
      records_->Write(cells);
    }
  }

  void PrintObject(const Samples& samples, int64_t row, int64_t first_row) {
    const auto components = ComponentsOf(samples, row);
    std::string json =
        absl::StrCat("{\"row\":", first_row + row, ",\"seed\":", samples.seed, ",\"samples\":",
                     JsonArray(RowOf(samples.samples, row),
                               {samples.samples.shape[1], samples.samples.shape[2]}));
    if (!components.empty()) {
      absl::StrAppend(&json, ",\"components\":[", absl::StrJoin(components, ","), "]");
    }
    output_.Write(absl::StrCat(json, "}\n"));
  }

  const Format format_;
  Output& output_;
  std::optional<RecordWriter> records_;
};

SampleRequest ToRequest(const SampleFlags& flags, const Slice& slice, const ModelId& model) {
  SampleRequest request;
  request.model = model;
  request.x = {{slice.rows.count, slice.rows.columns}, slice.rows.values};
  request.num_samples = flags.num_samples;
  // Rows are counted within a request, so requests with one seed would repeat each other's draws.
  if (flags.seed) request.seed = *flags.seed + static_cast<uint64_t>(slice.index);
  request.pi_temperature = flags.pi_temperature;
  request.sigma_scale = flags.sigma_scale;
  request.return_components = flags.components;
  return request;
}

absl::Status Sample(const SampleFlags& flags, const Session& session) {
  absl::StatusOr<RowReader> reader = OpenRows(flags.rows);
  if (!reader.ok()) return reader.status();
  SamplePrinter printer(session.format, session.output);
  return ForEachSlice(*reader, flags.rows.rows_per_request, session.output,
                      [&](const Slice& slice) {
                        absl::StatusOr<Samples> samples =
                            session.client.Sample(ToRequest(flags, slice, session.model));
                        if (samples.ok()) printer.Print(*samples, slice.first_row);
                        return samples.status();
                      });
}

}  // namespace

Command AddSample(CLI::App& tool) {
  CLI::App* command = tool.add_subcommand("sample", "Draws of y at each x");
  auto flags = std::make_shared<SampleFlags>();
  AddRowFlags(*command, &flags->rows);
  command->add_option("--num_samples", flags->num_samples, "Draws for each row")
      ->check(CLI::Range(int64_t{1}, std::numeric_limits<int64_t>::max()))
      ->type_name("N")
      ->capture_default_str();
  command
      ->add_option_function<std::string>(
          "--seed", [flags](const std::string& text) { flags->seed = ParseSeed(text); },
          "Makes the draws repeatable: 0 to 2^64 - 1")
      ->type_name("N");
  command
      ->add_option("--pi_temperature", flags->pi_temperature,
                   "Below 1 favours heavy components; 0 takes the heaviest (default 1)")
      ->type_name("T");
  command
      ->add_option("--sigma_scale", flags->sigma_scale,
                   "Multiplies standard deviations; 0 gives the component's mean (default 1)")
      ->type_name("S");
  command->add_flag("--components", flags->components, "Also which component each draw is from");
  command->footer(
      "Table and CSV have a line for each draw; JSON has an object for each row, with the seed\n"
      "that was used.\n"
      "\n"
      "With --seed=N, request number r, counted from 0, uses the seed N + r: the same rows, seed\n"
      "and --rows_per_request give the same draws. Without it the server chooses the seeds.\n"
      "\n"
      "Examples:\n"
      "  mdn_client sample --x=0.5 --num_samples=1000 --seed=1 --format=csv\n"
      "  mdn_client sample --input=rows.csv --pi_temperature=0 --sigma_scale=0");
  return {command, [flags](const Session& session) { return Sample(*flags, session); }, ExitCode};
}

}  // namespace mdn::tool

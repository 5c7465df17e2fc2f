#include <CLI/App.hpp>
#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "client/tool/command.h"
#include "client/tool/exit_code.h"
#include "client/tool/json.h"

namespace mdn::tool {
namespace {

using Value = std::variant<bool, int64_t, double, std::string, std::vector<int64_t>>;
using Field = std::pair<std::string, Value>;

std::string ToString(ModelInfo::NoiseType type) {
  switch (type) {
    case ModelInfo::NoiseType::kDiagonal:
      return "DIAGONAL";
    case ModelInfo::NoiseType::kIsotropic:
      return "ISOTROPIC";
    case ModelInfo::NoiseType::kIsotropicAcrossClusters:
      return "ISOTROPIC_ACROSS_CLUSTERS";
    case ModelInfo::NoiseType::kFixed:
      return "FIXED";
    case ModelInfo::NoiseType::kFull:
      return "FULL";
    case ModelInfo::NoiseType::kUnspecified:
      break;
  }
  return "UNSPECIFIED";
}

std::string ToString(ModelVersion::State state) {
  switch (state) {
    case ModelVersion::State::kLoading:
      return "LOADING";
    case ModelVersion::State::kReady:
      return "READY";
    case ModelVersion::State::kUnloading:
      return "UNLOADING";
    case ModelVersion::State::kFailed:
      return "FAILED";
    case ModelVersion::State::kAvailable:
      return "AVAILABLE";
    case ModelVersion::State::kUnspecified:
      break;
  }
  return "UNSPECIFIED";
}

void AddNoise(const ModelInfo& info, std::vector<Field>* fields) {
  fields->emplace_back("noise_type", ToString(info.noise_type));
  if (info.fixed_noise_level) fields->emplace_back("fixed_noise_level", *info.fixed_noise_level);
  if (info.isotropic_layout == ModelInfo::IsotropicLayout::kPerComponent) {
    fields->emplace_back("isotropic_layout", "PER_COMPONENT");
  } else if (info.isotropic_layout == ModelInfo::IsotropicLayout::kTiled) {
    fields->emplace_back("isotropic_layout", "TILED");
  }
}

std::vector<Field> Fields(const ModelInfo& info) {
  std::vector<Field> fields = {
      {"model", info.model.name},        {"version", info.model.version},
      {"dim_in", info.dim_in},           {"dim_out", info.dim_out},
      {"components", info.n_components}, {"hidden_sizes", info.hidden_sizes}};
  AddNoise(info, &fields);
  const std::vector<Field> rest = {
      {"standardized", info.standardized},
      {"format", info.format},
      {"sha256", info.sha256},
      {"engine", info.engine},
      {"loaded_at", absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", info.loaded_at, absl::UTCTimeZone())},
      {"source", info.source},
      {"max_request_rows", info.limits.max_request_rows},
      {"max_samples_per_request", info.limits.max_samples_per_request},
      {"max_message_bytes", info.limits.max_message_bytes},
      {"max_batch_rows", info.limits.max_batch_rows},
      {"max_queue_rows", info.limits.max_queue_rows}};
  fields.insert(fields.end(), rest.begin(), rest.end());
  return fields;
}

std::vector<Field> Fields(const ModelVersion& model) {
  return {{"model", model.model.name},
          {"version", model.model.version},
          {"state", ToString(model.state)},
          {"default", model.is_default},
          {"labels", absl::StrJoin(model.labels, " ")},
          {"reason", model.reason}};
}

std::string Text(const Value& value) {
  if (const auto* flag = std::get_if<bool>(&value)) return *flag ? "yes" : "no";
  if (const auto* number = std::get_if<int64_t>(&value)) return absl::StrCat(*number);
  if (const auto* number = std::get_if<double>(&value)) return absl::StrFormat("%.9g", *number);
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  return absl::StrJoin(std::get<std::vector<int64_t>>(value), " ");
}

std::string Json(const Value& value) {
  if (const auto* flag = std::get_if<bool>(&value)) return *flag ? "true" : "false";
  if (const auto* text = std::get_if<std::string>(&value)) return JsonString(*text);
  if (const auto* list = std::get_if<std::vector<int64_t>>(&value)) {
    return absl::StrCat("[", absl::StrJoin(*list, ","), "]");
  }
  return Text(value);
}

std::string JsonFields(const std::vector<Field>& fields) {
  return absl::StrJoin(fields, ",", [](std::string* json, const Field& field) {
    absl::StrAppend(json, JsonString(field.first), ":", Json(field.second));
  });
}

using Lines = std::vector<std::vector<std::string>>;

/// Columns as wide as they need to be; at least one line.
void PrintAligned(const Lines& lines, Output& output) {
  std::vector<size_t> widths(lines.front().size(), 0);
  for (const auto& line : lines) {
    for (size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], line[i].size());
  }
  for (const auto& line : lines) {
    std::string text;
    for (size_t i = 0; i < line.size(); ++i) {
      absl::StrAppendFormat(&text, "%-*s  ", widths[i], line[i]);
    }
    output.Write(absl::StrCat(absl::StripTrailingAsciiWhitespace(text), "\n"));
  }
}

void PrintModels(const std::vector<ModelVersion>& models, Output& output) {
  Lines lines = {{"MODEL", "VERSION", "STATE", "DEFAULT", "LABELS", "REASON"}};
  for (const ModelVersion& model : models) {
    lines.emplace_back();
    for (const Field& field : Fields(model)) lines.back().push_back(Text(field.second));
  }
  PrintAligned(lines, output);
}

void PrintTable(const std::vector<Field>& fields, Output& output) {
  Lines lines;
  for (const auto& [name, value] : fields) lines.push_back({name, Text(value)});
  PrintAligned(lines, output);
}

void PrintCsv(const std::vector<Field>& fields, Output& output) {
  RecordWriter records(Format::kCsv, {{"field"}, {"value"}}, output);
  for (const auto& [name, value] : fields) records.Write({name, Text(value)});
}

void PrintJson(const std::vector<Field>& fields, const std::vector<ModelVersion>& models,
               Output& output) {
  const std::string list =
      absl::StrJoin(models, ",", [](std::string* json, const ModelVersion& model) {
        absl::StrAppend(json, "{", JsonFields(Fields(model)), "}");
      });
  output.Write(absl::StrCat("{", JsonFields(fields), ",\"models\":[", list, "]}\n"));
}

/// The caller left open which one is meant, and the server has no default.
bool WantsAName(const ModelId& model, const absl::Status& status) {
  return absl::IsInvalidArgument(status) && model.name.empty() && model.version == 0 &&
         model.label.empty();
}

absl::Status Info(const Session& session) {
  const absl::StatusOr<std::vector<ModelVersion>> models = session.client.ListModels();
  if (!models.ok()) return models.status();
  const absl::StatusOr<ModelInfo> info = session.client.GetModel(session.model);
  // The list comes first, for whoever named a model that does not exist.
  if (session.format == Format::kTable) {
    PrintModels(*models, session.output);
    if (WantsAName(session.model, info.status())) return absl::OkStatus();
  }
  if (!info.ok()) return info.status();
  switch (session.format) {
    case Format::kTable:
      session.output.Write("\n");
      PrintTable(Fields(*info), session.output);
      break;
    case Format::kCsv:
      PrintCsv(Fields(*info), session.output);
      break;
    case Format::kJson:
      PrintJson(Fields(*info), *models, session.output);
      break;
  }
  return absl::OkStatus();
}

}  // namespace

Command AddInfo(CLI::App& tool) {
  CLI::App* command = tool.add_subcommand("info", "What a model is, and which models there are");
  command->footer(
      "The table lists every model, and then describes one: --model, or the default if there is\n"
      "one. CSV has the description, a field in each line; JSON is one object with the list in\n"
      "its field models.\n"
      "\n"
      "Examples:\n"
      "  mdn_client info\n"
      "  mdn_client info --model=prices --format=json");
  return {command, Info, ExitCode};
}

}  // namespace mdn::tool

#include "model/train/tool/training_job.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "model/train/data/standardisation.h"

namespace mdn::train {
namespace {

double RootMeanSquare(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value * value;
  return std::sqrt(sum / static_cast<double>(values.size()));
}

void KeepMeaning(NoiseType noise_type, std::vector<double>& y_scale) {
  switch (noise_type) {
    case NoiseType::kIsotropic:
    case NoiseType::kIsotropicAcrossClusters:
      std::fill(y_scale.begin(), y_scale.end(), RootMeanSquare(y_scale));
      break;
    case NoiseType::kFixed:
      std::fill(y_scale.begin(), y_scale.end(), 1.0);
      break;
    case NoiseType::kDiagonal:
    case NoiseType::kFull:
      break;
  }
}

ModelConfig ConfigOf(const TrainingJob& job, const Dataset& data) {
  ModelConfig config;
  config.dim_in = data.dim_in();
  config.dim_out = data.dim_out();
  config.n_components = job.components;
  config.hidden_dim = job.hidden;
  config.noise_type = job.noise_type;
  config.fixed_noise_level = job.fixed_noise_level;
  config.isotropic_layout = job.isotropic_layout;
  return config;
}

std::string SourceOf(const TrainingJob& job, const Dataset& data) {
  return absl::StrCat(
      "mdn_train ", MDN_VERSION, ", ",
      job.example != nullptr ? absl::StrCat("example ", job.example->name) : job.data_file, ", ",
      data.rows, " rows, seed ", job.training.seed,
      job.start_from.empty() ? "" : absl::StrCat(", from ", job.start_from));
}

absl::StatusOr<Dataset> Rows(const TrainingJob& job) {
  if (job.example != nullptr) return job.example->draw(job.rows, job.training.seed);
  return ReadCsv(job.data_file, job.columns);
}

// Shapes alone do not always tell a noise type: the columns help to.
absl::StatusOr<Checkpoint> LoadStart(const TrainingJob& job, const Dataset& data) {
  LoadOptions options;
  options.flags = job.start_hints;
  options.flags.origin = "the flags and the data's columns";
  options.flags.dim_in = data.dim_in();
  options.flags.dim_out = data.dim_out();
  // Which reads the file alone; only an engine runs its code.
  options.allow_torchscript = true;
  absl::StatusOr<Checkpoint> start = LoadCheckpoint(job.start_from, options);
  if (!start.ok() || start->format != CheckpointFormat::kTorchScript) return start;
  return absl::InvalidArgumentError(
      absl::StrCat(job.start_from,
                   ": is a TorchScript archive, which cannot be trained; expected a state dict or "
                   "safetensors"));
}

void StandardiseByTraining(const TrainingJob& job, TrainingData& data) {
  Standardisation measured = MeasureStandardisation(data.split.train);
  KeepMeaning(job.noise_type, measured.y_scale);
  data.config.x_shift = measured.x_shift;
  data.config.x_scale = measured.x_scale;
  data.config.y_shift = measured.y_shift;
  data.config.y_scale = measured.y_scale;
}

// A configuration may scale x alone, or y.
void ApplyScaling(const ModelConfig& config, Split& split) {
  const auto filled = [](const std::vector<double>& numbers, int64_t size, double value) {
    return numbers.empty() ? std::vector<double>(size, value) : numbers;
  };
  const Standardisation scaling = {
      filled(config.x_shift, config.dim_in, 0), filled(config.x_scale, config.dim_in, 1),
      filled(config.y_shift, config.dim_out, 0), filled(config.y_scale, config.dim_out, 1)};
  Standardise(scaling, split.train);
  Standardise(scaling, split.validation);
}

}  // namespace

absl::StatusOr<TrainingData> PrepareData(const TrainingJob& job) {
  absl::StatusOr<Dataset> rows = Rows(job);
  if (!rows.ok()) return rows.status();
  TrainingData data;
  data.original = *std::move(rows);
  data.split = SplitRows(data.original, job.validation_fraction, job.training.seed);
  if (job.example == nullptr) data.original.x = data.original.y = {};
  if (job.start_from.empty()) {
    data.config = ConfigOf(job, data.original);
    if (job.standardising == Standardising::kOn) StandardiseByTraining(job, data);
  } else {
    absl::StatusOr<Checkpoint> start = LoadStart(job, data.original);
    if (!start.ok()) return start.status();
    data.config = std::move(start->config);
    data.weights = std::move(start->tensors);
  }
  data.config.source = SourceOf(job, data.original);
  ApplyScaling(data.config, data.split);
  return data;
}

}  // namespace mdn::train

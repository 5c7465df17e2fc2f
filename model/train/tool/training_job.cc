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
  config.source = absl::StrCat("mdn_train ", MDN_VERSION, ", ",
                               job.example != nullptr ? absl::StrCat("example ", job.example->name)
                                                      : job.data_file,
                               ", ", data.rows, " rows, seed ", job.training.seed);
  return config;
}

void Apply(const Standardisation& standardisation, Dataset& data) {
  if (data.rows > 0) Standardise(standardisation, data);
}

}  // namespace

absl::StatusOr<TrainingData> PrepareData(const TrainingJob& job) {
  TrainingData data;
  if (job.example != nullptr) {
    data.original = job.example->draw(job.rows, job.training.seed);
  } else {
    absl::StatusOr<Dataset> read = ReadCsv(job.data_file, job.columns);
    if (!read.ok()) return read.status();
    data.original = *std::move(read);
  }
  data.config = ConfigOf(job, data.original);
  data.split = SplitRows(data.original, job.validation_fraction, job.training.seed);
  if (job.standardising == Standardising::kOff) return data;

  Standardisation standardisation = MeasureStandardisation(data.split.train);
  KeepMeaning(job.noise_type, standardisation.y_scale);
  Apply(standardisation, data.split.train);
  Apply(standardisation, data.split.validation);
  data.config.x_shift = standardisation.x_shift;
  data.config.x_scale = standardisation.x_scale;
  data.config.y_shift = standardisation.y_shift;
  data.config.y_scale = standardisation.y_scale;
  return data;
}

}  // namespace mdn::train

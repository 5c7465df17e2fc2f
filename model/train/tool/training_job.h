#ifndef MDN_MODEL_TRAIN_TOOL_TRAINING_JOB_H_
#define MDN_MODEL_TRAIN_TOOL_TRAINING_JOB_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "model/checkpoint/checkpoint.h"
#include "model/checkpoint/model_config.h"
#include "model/train/data/csv.h"
#include "model/train/data/examples.h"
#include "model/train/data/split.h"
#include "model/train/trainer.h"

namespace mdn::train {

enum class Standardising { kOn, kOff };
/// What becomes of a model that the output directory already holds.
enum class ExistingModel { kRefuse, kOverwrite, kResume };

/// What one run of mdn_train does: the command line, read.
struct TrainingJob {
  /// A file to read, or else an example to draw.
  std::string data_file;
  CsvColumns columns;
  const Example* example = nullptr;
  int64_t rows = 0;

  std::string output;
  ExistingModel existing = ExistingModel::kRefuse;

  /// A checkpoint whose weights and configuration to begin with; empty: random weights, and the
  /// network below. `start_hints` is what the flags say of what it does not.
  std::string start_from;
  ConfigHints start_hints;

  int64_t components = 5;
  int64_t hidden = 64;
  NoiseType noise_type = NoiseType::kDiagonal;
  double fixed_noise_level = 0;
  IsotropicLayout isotropic_layout = IsotropicLayout::kPerComponent;

  Standardising standardising = Standardising::kOn;
  double validation_fraction = 0.1;
  TrainingOptions training;
  int64_t threads = 1;
};

/// The rows of a job as the network takes them, and the network.
struct TrainingData {
  /// As they came; of a file the names alone, as the numbers may be many.
  Dataset original;
  Split split;
  ModelConfig config;
  /// To begin with; empty: random ones.
  std::map<std::string, Tensor> weights;
};

/// Reads or draws the rows, splits them, and, unless that is off, standardises them by the mean and
/// standard deviation of the training rows, which the configuration then carries. So that a noise
/// model keeps its meaning in the data's units, all dimensions of y have one scale where it is
/// isotropic, and keep their own, 1, where it is fixed. With start_from the configuration, and with
/// it the scaling, is the checkpoint's. Errors are ReadCsv's and LoadCheckpoint's; INVALID_ARGUMENT
/// also where the checkpoint and the columns do not fit, or it is TorchScript.
absl::StatusOr<TrainingData> PrepareData(const TrainingJob& job);

}  // namespace mdn::train

#endif  // MDN_MODEL_TRAIN_TOOL_TRAINING_JOB_H_

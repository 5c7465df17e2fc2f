#ifndef MDN_MODEL_TRAIN_TRAINING_IDENTITY_H_
#define MDN_MODEL_TRAIN_TRAINING_IDENTITY_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "model/checkpoint/model_config.h"
#include "model/train/data/split.h"
#include "model/train/trainer.h"

namespace mdn {

/// What two runs must have in common for one to go on from the other's state, a line each: what a
/// user says first, then what follows from it. Rows count by a digest.
std::vector<std::string> TrainingIdentity(const ModelConfig& config, const TrainingOptions& options,
                                          const Split& data);

/// INVALID_ARGUMENT names the first line in which the two differ.
absl::Status CheckSameTraining(const std::vector<std::string>& saved,
                               const std::vector<std::string>& now);

}  // namespace mdn

#endif  // MDN_MODEL_TRAIN_TRAINING_IDENTITY_H_

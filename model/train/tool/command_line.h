#ifndef MDN_MODEL_TRAIN_TOOL_COMMAND_LINE_H_
#define MDN_MODEL_TRAIN_TOOL_COMMAND_LINE_H_

#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "model/train/tool/training_job.h"

namespace mdn::train {

/// A text that was asked for, such as the help.
using Answer = std::string;

/// Reads the arguments after the program's name. INVALID_ARGUMENT names the flag, what came and
/// what was expected.
absl::StatusOr<std::variant<TrainingJob, Answer>> ParseCommandLine(
    std::vector<std::string> arguments);

}  // namespace mdn::train

#endif  // MDN_MODEL_TRAIN_TOOL_COMMAND_LINE_H_

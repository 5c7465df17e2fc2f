#ifndef MDN_SERVER_REPOSITORY_MODEL_LOADER_H_
#define MDN_SERVER_REPOSITORY_MODEL_LOADER_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "server/repository/served_model.h"

namespace mdn {

/// Reads a checkpoint, makes the engine that `engine_name` names ("native", "torch", or "auto":
/// torch for TorchScript, native for the rest), and evaluates one row as a trial. Errors are
/// LoadCheckpoint's and the engine's; all begin with the path.
absl::StatusOr<std::shared_ptr<ServedModel>> LoadModel(const std::string& path,
                                                       const LoadOptions& load_options,
                                                       const std::string& name, int64_t version,
                                                       const std::string& engine_name,
                                                       Batcher::Options batching);

}  // namespace mdn

#endif  // MDN_SERVER_REPOSITORY_MODEL_LOADER_H_

#ifndef MDN_SERVER_REPOSITORY_MODEL_LOADER_H_
#define MDN_SERVER_REPOSITORY_MODEL_LOADER_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "server/repository/served_model.h"

namespace mdn {

/// How models are made ready for traffic.
struct ModelOptions {
  LoadOptions load;
  /// "native", "torch", or "auto": torch for TorchScript, native for the rest.
  std::string engine = "auto";
  Batcher::Options batching;
};

/// Reads a checkpoint, makes its engine and warms that up. Errors are LoadCheckpoint's and the
/// engine's; all begin with the path.
absl::StatusOr<std::shared_ptr<ServedModel>> LoadModel(const std::string& path,
                                                       const std::string& name, int64_t version,
                                                       const ModelOptions& options);

/// The same of a version's directory: ReadVersionFiles, and if there is a golden.json, what
/// CheckGoldenRows says of it. Errors name the file, without the directory. Needs beside the engine
/// about twice the checkpoint's size while it reads. RESOURCE_EXHAUSTED: out of memory.
absl::StatusOr<std::unique_ptr<ServedModel>> LoadVersion(const std::string& directory,
                                                         const std::string& fingerprint,
                                                         const std::string& name, int64_t version,
                                                         const ModelOptions& options);

}  // namespace mdn

#endif  // MDN_SERVER_REPOSITORY_MODEL_LOADER_H_

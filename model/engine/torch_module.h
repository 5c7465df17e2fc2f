#ifndef MDN_MODEL_ENGINE_TORCH_MODULE_H_
#define MDN_MODEL_ENGINE_TORCH_MODULE_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "model/checkpoint/checkpoint.h"
#include "model/engine/engine.h"

namespace mdn {

/// LibTorch takes some 0.4 s to load and 160 MB of memory, so it stands in a module that is
/// loaded when a model needs it. The module has this one symbol, `mdn_torch_engine`.
struct TorchModule {
  /// Of what the module was built from; objects cross its border only between equals.
  const char* build;
  absl::StatusOr<std::unique_ptr<Engine>> (*make_engine)(const Checkpoint& checkpoint);
};

/// OpenBLAS, which comes with LibTorch, starts a thread for each processor as it is loaded. Says in
/// this process's environment that it shall not, unless the environment says how many. To be called
/// before a thread of this program's may read the environment.
void KeepOpenBlasSingleThreaded();

/// Where this program's module belongs: ../lib/mdn/libmdn_torch_engine.so, seen from the folder of
/// the program's file.
std::string TorchModulePath();

/// As MakeTorchEngine, by the module at `path`, which stays loaded. Thread-safe.
/// FAILED_PRECONDITION: there is no module, it cannot be loaded, or it is of another build; the
/// message says where it was looked for and what to install.
absl::StatusOr<std::unique_ptr<Engine>> MakeEngineOfModule(const std::string& path,
                                                           const Checkpoint& checkpoint);

}  // namespace mdn

#endif  // MDN_MODEL_ENGINE_TORCH_MODULE_H_

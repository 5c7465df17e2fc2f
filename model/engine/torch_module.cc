#include "model/engine/torch_module.h"

#include <dlfcn.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"

namespace mdn {
namespace {

constexpr char kWhatToInstall[] =
    "use the image flavour 'torch', or build with -DMDN_TORCH=ON and install its component "
    "mdn_torch";

absl::Status Unusable(const std::string& path, absl::string_view why, absl::string_view remedy) {
  return absl::FailedPreconditionError(
      absl::StrCat("the model needs LibTorch, whose module ", path, " ", why, "; ", remedy));
}

}  // namespace

void KeepOpenBlasSingleThreaded() { setenv("OPENBLAS_NUM_THREADS", "1", /*replace=*/0); }

std::string TorchModulePath() {
  std::error_code error;
  const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe", error);
  // Absolute even where there is no /proc: never what stands in the working directory.
  return (std::filesystem::path("/") / program.parent_path().parent_path() /
          "lib/mdn/libmdn_torch_engine.so")
      .string();
}

absl::StatusOr<std::unique_ptr<Engine>> MakeEngineOfModule(const std::string& path,
                                                           const Checkpoint& checkpoint) {
  if (access(path.c_str(), F_OK) != 0) {
    return Unusable(path, "is not installed", kWhatToInstall);
  }
  // Loading it again gives the same module. It is never unloaded: LibTorch does not survive that.
  void* const library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    return Unusable(path, absl::StrCat("cannot be loaded: ", dlerror()), kWhatToInstall);
  }
  const auto* module = static_cast<const TorchModule*>(dlsym(library, "mdn_torch_engine"));
  if (module == nullptr) return Unusable(path, "is no module of mdn_server", kWhatToInstall);
  if (absl::string_view(module->build) != MDN_BUILD) {
    return Unusable(path,
                    absl::StrCat("is of build ", module->build, ", and the program of ", MDN_BUILD),
                    "install both from the same build");
  }
  return module->make_engine(checkpoint);
}

}  // namespace mdn

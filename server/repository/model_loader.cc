#include "server/repository/model_loader.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "model/engine/native/native_engine.h"
#include "model/engine/torch_module.h"

namespace mdn {
namespace {

absl::StatusOr<std::unique_ptr<Engine>> MakeEngine(const Checkpoint& checkpoint,
                                                   const std::string& engine_name, int threads) {
  if (engine_name != "auto" && engine_name != "native" && engine_name != "torch") {
    return absl::InvalidArgumentError(
        absl::StrCat("engine: there is no '", engine_name, "'; expected auto, native or torch"));
  }
  const bool is_script = checkpoint.format == CheckpointFormat::kTorchScript;
  if (engine_name == "torch" || (engine_name == "auto" && is_script)) {
    return MakeEngineOfModule(TorchModulePath(), checkpoint);
  }
  return MakeNativeEngine(checkpoint, {threads});
}

absl::Status Located(const std::string& path, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat(path, ": ", status.message()));
}

absl::Status Try(const Engine& engine) {
  const std::vector<float> x(engine.dim_in(), 0.0f);
  Mixture mixture;
  return engine.Evaluate(x, 1, mixture);
}

}  // namespace

absl::StatusOr<std::shared_ptr<ServedModel>> LoadModel(const std::string& path,
                                                       const LoadOptions& load_options,
                                                       const std::string& name, int64_t version,
                                                       const std::string& engine_name,
                                                       Batcher::Options batching) {
  absl::StatusOr<Checkpoint> checkpoint = LoadCheckpoint(path, load_options);
  if (!checkpoint.ok()) return checkpoint.status();
  absl::StatusOr<std::unique_ptr<Engine>> engine =
      MakeEngine(*checkpoint, engine_name, batching.concurrency);
  if (!engine.ok()) return Located(path, engine.status());
  if (absl::Status status = Try(**engine); !status.ok()) return Located(path, status);

  ModelDescription description;
  description.name = name;
  description.version = version;
  description.format = checkpoint->format;
  description.sha256 = checkpoint->sha256;
  description.config = std::move(checkpoint->config);
  description.config.dim_in = (*engine)->dim_in();
  description.config.dim_out = (*engine)->shape().dims;
  description.config.n_components = (*engine)->shape().components;
  description.loaded_at = absl::Now();
  return std::make_shared<ServedModel>(std::move(description), *std::move(engine),
                                       std::move(batching));
}

}  // namespace mdn

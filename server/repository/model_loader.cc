#include "server/repository/model_loader.h"

#include <algorithm>
#include <new>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "model/engine/native/native_engine.h"
#include "model/engine/torch_module.h"
#include "server/repository/golden_rows.h"
#include "server/repository/version_files.h"

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

/// What a network needs the first time, and what its engine keeps for each size of batch, is done
/// before there is traffic. A TorchScript network is specialised on its second evaluation.
absl::Status WarmUp(const Engine& engine, const ModelConfig& config, int64_t max_batch_rows) {
  constexpr int kEvaluations = 3;
  std::vector<float> row(engine.dim_in(), 0.0f);
  if (config.x_shift.size() == row.size()) row.assign(config.x_shift.begin(), config.x_shift.end());
  Mixture mixture;
  for (const int64_t rows : {int64_t{1}, std::min(max_batch_rows, int64_t{32})}) {
    std::vector<float> x;
    for (int64_t i = 0; i < rows; ++i) x.insert(x.end(), row.begin(), row.end());
    for (int i = 0; i < kEvaluations; ++i) {
      if (absl::Status status = engine.Evaluate(x, rows, mixture); !status.ok()) return status;
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<ServedModel>> MakeModel(Checkpoint checkpoint,
                                                       const std::string& name, int64_t version,
                                                       const ModelOptions& options,
                                                       const std::optional<std::string>& golden) {
  const Batcher::Options& batching = options.batching;
  absl::StatusOr<std::unique_ptr<Engine>> engine =
      MakeEngine(checkpoint, options.engine, batching.concurrency);
  if (!engine.ok()) return Located(checkpoint.path, engine.status());
  const absl::Status warm = WarmUp(**engine, checkpoint.config, batching.max_batch_rows);
  if (!warm.ok()) return Located(checkpoint.path, warm);
  if (golden.has_value()) {
    const absl::Status as_expected = CheckGoldenRows(*golden, **engine);
    if (!as_expected.ok()) return Located("golden.json", as_expected);
  }
  ModelDescription description;
  description.name = name;
  description.version = version;
  description.format = checkpoint.format;
  description.sha256 = checkpoint.sha256;
  description.config = std::move(checkpoint.config);
  description.config.dim_in = (*engine)->dim_in();
  description.config.dim_out = (*engine)->shape().dims;
  description.config.n_components = (*engine)->shape().components;
  description.loaded_at = absl::Now();
  return std::make_unique<ServedModel>(std::move(description), *std::move(engine), batching);
}

absl::StatusOr<std::unique_ptr<ServedModel>> LoadVersionOrThrow(const std::string& directory,
                                                                const std::string& fingerprint,
                                                                const std::string& name,
                                                                int64_t version,
                                                                const ModelOptions& options) {
  absl::StatusOr<VersionFiles> files =
      ReadVersionFiles(directory, fingerprint, options.load.max_file_bytes);
  if (!files.ok()) return files.status();
  ConfigHints sidecar;
  if (files->config.has_value()) {
    absl::StatusOr<ConfigHints> hints = ParseConfigJson(*files->config, "model.json");
    if (!hints.ok()) return hints.status();
    sidecar = *std::move(hints);
  }
  absl::StatusOr<Checkpoint> checkpoint =
      ParseCheckpoint(std::move(files->checkpoint), files->checkpoint_name, options.load, sidecar);
  if (!checkpoint.ok()) return checkpoint.status();
  return MakeModel(*std::move(checkpoint), name, version, options, files->golden);
}

}  // namespace

absl::StatusOr<std::shared_ptr<ServedModel>> LoadModel(const std::string& path,
                                                       const std::string& name, int64_t version,
                                                       const ModelOptions& options) {
  absl::StatusOr<Checkpoint> checkpoint = LoadCheckpoint(path, options.load);
  if (!checkpoint.ok()) return checkpoint.status();
  return MakeModel(*std::move(checkpoint), name, version, options, std::nullopt);
}

absl::StatusOr<std::unique_ptr<ServedModel>> LoadVersion(const std::string& directory,
                                                         const std::string& fingerprint,
                                                         const std::string& name, int64_t version,
                                                         const ModelOptions& options) {
  try {
    return LoadVersionOrThrow(directory, fingerprint, name, version, options);
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError("does not fit into memory");
  }
}

}  // namespace mdn

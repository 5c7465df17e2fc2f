#include "model/checkpoint/checkpoint.h"

#include <cstddef>
#include <filesystem>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "model/checkpoint/checkpoint_file.h"
#include "model/checkpoint/network_shape.h"
#include "model/checkpoint/pytorch_archive.h"
#include "model/checkpoint/pytorch_legacy.h"
#include "model/checkpoint/safetensors.h"
#include "model/checkpoint/standard_network.h"
#include "model/checkpoint/stored_tensor.h"

namespace mdn {
namespace {

absl::Status About(const std::string& path, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat(path, ": ", status.message()));
}

bool IsZip(absl::string_view bytes) {
  return absl::StartsWith(bytes, absl::string_view("PK\3\4", 4)) ||
         absl::StartsWith(bytes, absl::string_view("PK\5\6", 4));
}

absl::StatusOr<CheckpointFormat> DetectFormat(absl::string_view bytes) {
  if (bytes.empty()) return absl::InvalidArgumentError("is empty");
  if (IsZip(bytes)) {
    const absl::StatusOr<PyTorchArchive> archive = PyTorchArchive::Open(bytes);
    if (!archive.ok()) return archive.status();
    return archive->is_torchscript() ? CheckpointFormat::kTorchScript : CheckpointFormat::kPyTorch;
  }
  if (IsPyTorchLegacy(bytes)) return CheckpointFormat::kPyTorchLegacy;
  if (LooksLikeSafetensors(bytes)) return CheckpointFormat::kSafetensors;
  return absl::InvalidArgumentError(
      "is no checkpoint: expected what torch.save, torch.jit.save or safetensors write");
}

absl::StatusOr<StoredTensors> ReadPyTorchArchive(absl::string_view bytes) {
  absl::StatusOr<PyTorchArchive> archive = PyTorchArchive::Open(bytes);
  if (!archive.ok()) return archive.status();
  return PyTorchArchive::ReadStateDict(*std::move(archive));
}

absl::StatusOr<StoredTensors> ReadTensors(CheckpointFormat format, absl::string_view bytes) {
  switch (format) {
    case CheckpointFormat::kPyTorchLegacy:
      return ReadPyTorchLegacy(bytes);
    case CheckpointFormat::kSafetensors:
      return ReadSafetensors(bytes);
    default:
      return ReadPyTorchArchive(bytes);
  }
}

absl::StatusOr<ConfigHints> MergeSources(ConfigHints metadata, const ConfigHints& sidecar,
                                         ConfigHints flags) {
  if (flags.origin.empty()) flags.origin = "the flags";
  return MergeHints({std::move(metadata), sidecar, std::move(flags)});
}

absl::Status FillTensors(const std::map<std::string, StoredTensor>& network,
                         const StoredTensors& stored, size_t file_bytes, Checkpoint& checkpoint) {
  constexpr size_t kMaxGrowth = 4;
  size_t total = 0;
  for (const auto& [name, tensor] : network) {
    const absl::StatusOr<std::string> storage = stored.read_storage(tensor.storage_key);
    if (!storage.ok()) {
      return absl::InvalidArgumentError(absl::StrCat(name, ": ", storage.status().message()));
    }
    absl::StatusOr<Tensor> read = Materialise(name, tensor, *storage);
    if (!read.ok()) return read.status();
    total += read->values.size() * sizeof(float);
    if (total / kMaxGrowth > file_bytes) {
      return absl::InvalidArgumentError(absl::StrCat(name,
                                                     ": the tensors overlap so that they exceed ",
                                                     kMaxGrowth, " times the file's size"));
    }
    checkpoint.tensors.emplace(name, *std::move(read));
  }
  return absl::OkStatus();
}

absl::Status FillFromTensors(absl::string_view bytes, const LoadOptions& options,
                             const ConfigHints& sidecar, Checkpoint& checkpoint) {
  absl::StatusOr<StoredTensors> stored = ReadTensors(checkpoint.format, bytes);
  if (!stored.ok()) return stored.status();
  const auto network = SelectStandardNetwork(stored->tensors);
  if (!network.ok()) return network.status();
  const absl::StatusOr<NetworkShape> shape = CheckNetworkShape(*network);
  if (!shape.ok()) return shape.status();
  absl::Status filled = FillTensors(*network, *stored, bytes.size(), checkpoint);
  if (!filled.ok()) return filled;
  const absl::StatusOr<ConfigHints> hints =
      MergeSources(std::move(stored->metadata), sidecar, options.flags);
  if (!hints.ok()) return hints.status();
  absl::StatusOr<ModelConfig> config = InferConfig(*shape, *hints, checkpoint.path);
  if (!config.ok()) return config.status();
  checkpoint.config = *std::move(config);
  return absl::OkStatus();
}

absl::Status FillFromScript(std::string bytes, const LoadOptions& options,
                            const ConfigHints& sidecar, Checkpoint& checkpoint) {
  if (!options.allow_torchscript) {
    return absl::InvalidArgumentError(
        "is a TorchScript archive, and loading one runs code from the file; if you trust it, name "
        "it with --model=FILE or start with --allow_torchscript");
  }
  const absl::StatusOr<ConfigHints> hints = MergeSources({}, sidecar, options.flags);
  if (!hints.ok()) return hints.status();
  absl::StatusOr<ModelConfig> config = ConfigFromHints(*hints);
  if (!config.ok()) return config.status();
  checkpoint.config = *std::move(config);
  checkpoint.script = std::move(bytes);
  return absl::OkStatus();
}

absl::StatusOr<ConfigHints> ReadSidecar(const std::string& path) {
  constexpr int64_t kMaxBytes = int64_t{64} << 20;
  const std::string replaced = std::filesystem::path(path).replace_extension(".json").string();
  for (const std::string& candidate : {absl::StrCat(path, ".json"), replaced}) {
    if (candidate == path) continue;
    const absl::StatusOr<std::string> json = ReadRegularFile(candidate, kMaxBytes);
    if (json.ok()) return ParseConfigJson(*json, candidate);
    if (!absl::IsNotFound(json.status())) return About(candidate, json.status());
  }
  return ConfigHints();
}

}  // namespace

absl::string_view CheckpointFormatName(CheckpointFormat format) {
  switch (format) {
    case CheckpointFormat::kPyTorch:
      return "pytorch";
    case CheckpointFormat::kPyTorchLegacy:
      return "pytorch-legacy";
    case CheckpointFormat::kSafetensors:
      return "safetensors";
    case CheckpointFormat::kTorchScript:
      return "torchscript";
  }
  return "";
}

absl::StatusOr<Checkpoint> ParseCheckpoint(std::string bytes, const std::string& path,
                                           const LoadOptions& options, const ConfigHints& sidecar) {
  const absl::StatusOr<CheckpointFormat> format = DetectFormat(bytes);
  if (!format.ok()) return About(path, format.status());
  Checkpoint checkpoint;
  checkpoint.path = path;
  checkpoint.format = *format;
  checkpoint.sha256 = Sha256Hex(bytes);
  const absl::Status filled = *format == CheckpointFormat::kTorchScript
                                  ? FillFromScript(std::move(bytes), options, sidecar, checkpoint)
                                  : FillFromTensors(bytes, options, sidecar, checkpoint);
  if (!filled.ok()) return About(path, filled);
  return checkpoint;
}

absl::StatusOr<Checkpoint> LoadCheckpoint(const std::string& path, const LoadOptions& options) {
  absl::StatusOr<std::string> bytes = ReadRegularFile(path, options.max_file_bytes);
  if (!bytes.ok()) return About(path, bytes.status());
  const absl::StatusOr<ConfigHints> sidecar = ReadSidecar(path);
  if (!sidecar.ok()) return sidecar.status();
  return ParseCheckpoint(*std::move(bytes), path, options, *sidecar);
}

}  // namespace mdn

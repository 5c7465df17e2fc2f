#ifndef MDN_MODEL_CHECKPOINT_PYTORCH_ARCHIVE_H_
#define MDN_MODEL_CHECKPOINT_PYTORCH_ARCHIVE_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "model/checkpoint/stored_tensor.h"
#include "model/checkpoint/zip_records.h"

namespace mdn {

/// A zip archive that torch.save (since PyTorch 1.6) or torch.jit.save wrote: one folder of
/// records. Thread-compatible.
class PyTorchArchive {
 public:
  /// `bytes` must outlive the archive. INVALID_ARGUMENT: not such an archive.
  static absl::StatusOr<PyTorchArchive> Open(absl::string_view bytes);

  /// Holds code: torch.jit.save wrote it.
  bool is_torchscript() const { return is_torchscript_; }

  /// The state dict in it. `archive`'s bytes must outlive the result.
  static absl::StatusOr<StoredTensors> ReadStateDict(PyTorchArchive archive);

 private:
  PyTorchArchive(ZipRecords records, std::string folder);
  absl::Status CheckByteOrder();

  ZipRecords records_;
  /// With its slash.
  std::string folder_;
  bool is_torchscript_ = false;
};

}  // namespace mdn

#endif  // MDN_MODEL_CHECKPOINT_PYTORCH_ARCHIVE_H_

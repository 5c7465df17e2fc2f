#ifndef MDN_MODEL_CHECKPOINT_ZIP_RECORDS_H_
#define MDN_MODEL_CHECKPOINT_ZIP_RECORDS_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

struct zip;

namespace mdn {

/// The records of a zip archive in memory, all stored as they are: torch.save never compresses, so
/// no record can be larger than the archive. Views the archive's bytes, which must outlive it.
/// Thread-compatible.
class ZipRecords {
 public:
  static constexpr uint64_t kMaxRecords = 65536;

  /// INVALID_ARGUMENT: not a zip archive, damaged, two records of one name, or too many records.
  static absl::StatusOr<ZipRecords> Open(absl::string_view archive);

  /// Record numbers by name.
  const std::map<std::string, uint64_t>& names() const { return names_; }

  /// INVALID_ARGUMENT names the record: there is none, it is compressed or encrypted, or it does
  /// not have its checksum.
  absl::StatusOr<std::string> Read(const std::string& name);

 private:
  struct Discard {
    void operator()(zip* archive) const;
  };

  ZipRecords(std::unique_ptr<zip, Discard> archive, uint64_t archive_bytes);
  absl::Status ReadNames();

  std::unique_ptr<zip, Discard> archive_;
  uint64_t archive_bytes_;
  std::map<std::string, uint64_t> names_;
};

}  // namespace mdn

#endif  // MDN_MODEL_CHECKPOINT_ZIP_RECORDS_H_

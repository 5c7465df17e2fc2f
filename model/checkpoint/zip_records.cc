#include "model/checkpoint/zip_records.h"

#include <zip.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "model/checkpoint/printable.h"

namespace mdn {
namespace {

struct CloseFile {
  void operator()(zip_file_t* file) const { zip_fclose(file); }
};

struct ZipError {
  ZipError() { zip_error_init(&error); }
  ~ZipError() { zip_error_fini(&error); }
  ZipError(const ZipError&) = delete;
  ZipError& operator=(const ZipError&) = delete;

  zip_error_t error;
};

absl::Status Damaged(absl::string_view what, const char* reason) {
  return absl::InvalidArgumentError(
      absl::StrCat(what, ": ", reason, "; the file is damaged or incomplete"));
}

uint64_t ReadUnsigned64(absl::string_view bytes) {
  uint64_t value = 0;
  std::memcpy(&value, bytes.data(), sizeof(value));
  return value;
}

// libzip 1.7 allocates 32 bytes for every entry that a 64-bit end record claims, before it looks
// for one. So each such record that libzip may find is checked first: they are where a locator
// points to, just before the signature of an end record among the last 64 KiB.
bool ClaimsTooManyRecords(absl::string_view archive) {
  constexpr absl::string_view kEnd("PK\5\6", 4);
  constexpr absl::string_view kLocator("PK\6\7", 4);
  constexpr size_t kLocatorBytes = 20;
  constexpr size_t kEnd64Bytes = 56;
  constexpr size_t kTailBytes = 65535 + 22 + kLocatorBytes;
  const size_t tail = archive.size() - std::min(archive.size(), kTailBytes);
  for (size_t end = archive.find(kEnd, tail); end != absl::string_view::npos;
       end = archive.find(kEnd, end + 1)) {
    if (end < kLocatorBytes) continue;
    const absl::string_view locator = archive.substr(end - kLocatorBytes, kLocatorBytes);
    if (locator.substr(0, 4) != kLocator) continue;
    const uint64_t end64 = ReadUnsigned64(locator.substr(8));
    if (end64 > archive.size() || archive.size() - end64 < kEnd64Bytes) continue;
    const absl::string_view record = archive.substr(end64, kEnd64Bytes);
    if (ReadUnsigned64(record.substr(24)) > ZipRecords::kMaxRecords ||
        ReadUnsigned64(record.substr(32)) > ZipRecords::kMaxRecords) {
      return true;
    }
  }
  return false;
}

}  // namespace

void ZipRecords::Discard::operator()(zip* archive) const { zip_discard(archive); }

ZipRecords::ZipRecords(std::unique_ptr<zip, Discard> archive, uint64_t archive_bytes)
    : archive_(std::move(archive)), archive_bytes_(archive_bytes) {}

absl::StatusOr<ZipRecords> ZipRecords::Open(absl::string_view archive) {
  if (ClaimsTooManyRecords(archive)) {
    return absl::InvalidArgumentError(
        absl::StrCat("the zip archive claims more than ", kMaxRecords, " records"));
  }
  ZipError failure;
  zip_source_t* source =
      zip_source_buffer_create(archive.data(), archive.size(), /*freep=*/0, &failure.error);
  if (source == nullptr) return Damaged("zip archive", zip_error_strerror(&failure.error));
  zip_t* opened = zip_open_from_source(source, ZIP_RDONLY, &failure.error);
  if (opened == nullptr) {
    zip_source_free(source);
    return Damaged("zip archive", zip_error_strerror(&failure.error));
  }
  ZipRecords records(std::unique_ptr<zip, Discard>(opened), archive.size());
  absl::Status status = records.ReadNames();
  if (!status.ok()) return status;
  return records;
}

absl::Status ZipRecords::ReadNames() {
  const zip_int64_t count = zip_get_num_entries(archive_.get(), 0);
  for (zip_int64_t i = 0; i < count; ++i) {
    const char* name = zip_get_name(archive_.get(), i, ZIP_FL_ENC_RAW);
    if (name == nullptr) return Damaged("zip archive", zip_strerror(archive_.get()));
    if (!names_.emplace(name, i).second) {
      return Damaged(absl::StrCat("record ", Printable(name)), "the archive has it twice");
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> ZipRecords::Read(const std::string& name) {
  const std::string what = absl::StrCat("record ", Printable(name));
  const auto found = names_.find(name);
  if (found == names_.end()) return Damaged(what, "the archive does not have it");
  zip_stat_t stat;
  if (zip_stat_index(archive_.get(), found->second, 0, &stat) != 0) {
    return Damaged(what, zip_strerror(archive_.get()));
  }
  if (stat.comp_method != ZIP_CM_STORE || stat.encryption_method != ZIP_EM_NONE) {
    return absl::InvalidArgumentError(absl::StrCat(
        what, " is compressed or encrypted, which torch.save never does; save the file anew"));
  }
  if (stat.size != stat.comp_size || stat.size > archive_bytes_) {
    return Damaged(what, "its size is impossible");
  }
  const std::unique_ptr<zip_file_t, CloseFile> file(
      zip_fopen_index(archive_.get(), found->second, 0));
  if (file == nullptr) return Damaged(what, zip_strerror(archive_.get()));
  std::string bytes(stat.size, '\0');
  if (zip_fread(file.get(), bytes.data(), bytes.size()) != static_cast<zip_int64_t>(stat.size)) {
    return Damaged(what, "it is cut off");
  }
  // libzip compares the checksum when it meets the end.
  char beyond = 0;
  if (zip_fread(file.get(), &beyond, 1) != 0) return Damaged(what, "its checksum is another");
  return bytes;
}

}  // namespace mdn

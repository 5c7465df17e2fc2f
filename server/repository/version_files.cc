#include "server/repository/version_files.h"

#include <sys/stat.h>

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "model/checkpoint/checkpoint_file.h"
#include "model/checkpoint/printable.h"

namespace mdn {
namespace {

constexpr const char* kCheckpoints[] = {"model.safetensors", "model.pt", "model.ts"};
constexpr char kConfig[] = "model.json";
constexpr char kGolden[] = "golden.json";
constexpr char kSums[] = "SHA256SUMS";
constexpr const char* kMeaningfulFiles[] = {kCheckpoints[0], kCheckpoints[1], kCheckpoints[2],
                                            kConfig, kGolden};
constexpr int64_t kMaxTextBytes = int64_t{16} << 20;
constexpr size_t kSumDigits = 64;

absl::Status About(absl::string_view file, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat(file, ": ", status.message()));
}

void AppendIdentity(const std::string& path, std::string& fingerprint) {
  struct stat file = {};
  if (stat(path.c_str(), &file) != 0) {
    absl::StrAppend(&fingerprint, "-;");
    return;
  }
  absl::StrAppend(&fingerprint, file.st_mode, ",", file.st_size, ",", file.st_mtim.tv_sec, ".",
                  file.st_mtim.tv_nsec, ",", file.st_ctim.tv_sec, ".", file.st_ctim.tv_nsec, ",",
                  file.st_dev, ",", file.st_ino, ";");
}

bool Exists(const std::string& path) {
  struct stat file = {};
  return stat(path.c_str(), &file) == 0;
}

/// No value where there is no such file.
absl::StatusOr<std::optional<std::string>> ReadIfThere(const std::string& directory,
                                                       const char* file, int64_t max_bytes) {
  absl::StatusOr<std::string> bytes =
      ReadRegularFile(absl::StrCat(directory, "/", file), max_bytes);
  if (bytes.ok()) return *std::move(bytes);
  if (absl::IsNotFound(bytes.status())) return std::nullopt;
  return About(file, bytes.status());
}

/// Each line is the sum, a space, a space or an asterisk, and the name.
absl::StatusOr<std::map<std::string, std::string>> ParseSums(absl::string_view text) {
  std::map<std::string, std::string> sums;
  for (absl::string_view line : absl::StrSplit(text, '\n', absl::SkipWhitespace())) {
    line = absl::StripSuffix(line, "\r");
    const absl::string_view sum = line.substr(0, kSumDigits);
    const bool fits = line.size() > kSumDigits + 2 && line[kSumDigits] == ' ' &&
                      (line[kSumDigits + 1] == ' ' || line[kSumDigits + 1] == '*') &&
                      std::all_of(sum.begin(), sum.end(), absl::ascii_isxdigit);
    if (!fits) {
      return absl::InvalidArgumentError(absl::StrCat("cannot use the line ", Printable(line),
                                                     "; expected a SHA-256 sum and a file's name"));
    }
    sums[std::string(absl::StripPrefix(line.substr(kSumDigits + 2), "./"))] =
        absl::AsciiStrToLower(sum);
  }
  return sums;
}

/// The files that mean something, by their names.
using Contents = std::map<std::string, const std::string*>;

absl::Status CheckSum(const std::string& name, const std::string& bytes,
                      const std::map<std::string, std::string>& sums) {
  const auto listed = sums.find(name);
  if (listed == sums.end()) {
    return absl::InvalidArgumentError(absl::StrCat(name, ": is not listed in ", kSums));
  }
  const std::string sum = Sha256Hex(bytes);
  if (sum == listed->second) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(name, ": has the SHA-256 sum ", sum, "; ", kSums, " expects ", listed->second));
}

absl::Status CheckSums(const std::string& directory, const std::string& text,
                       const Contents& contents) {
  const auto sums = ParseSums(text);
  if (!sums.ok()) return About(kSums, sums.status());
  for (const auto& [name, bytes] : contents) {
    if (absl::Status status = CheckSum(name, *bytes, *sums); !status.ok()) return status;
  }
  for (const char* name : kMeaningfulFiles) {
    if (sums->count(name) > 0 && !Exists(absl::StrCat(directory, "/", name))) {
      return absl::InvalidArgumentError(
          absl::StrCat(name, ": is listed in ", kSums, ", but is not there"));
    }
  }
  return absl::OkStatus();
}

absl::Status ReadCheckpoint(const std::string& directory, int64_t max_bytes, VersionFiles& files) {
  for (const char* name : kCheckpoints) {
    auto bytes = ReadIfThere(directory, name, max_bytes);
    if (!bytes.ok()) return bytes.status();
    if (!bytes->has_value()) continue;
    files.checkpoint_name = name;
    files.checkpoint = **std::move(bytes);
    return absl::OkStatus();
  }
  return absl::NotFoundError("holds no model.safetensors, model.pt or model.ts");
}

}  // namespace

std::string VersionFingerprint(const std::string& directory) {
  struct stat folder = {};
  if (stat(directory.c_str(), &folder) != 0 || !S_ISDIR(folder.st_mode)) return "";
  std::string fingerprint =
      absl::StrCat(folder.st_mode, ",", folder.st_dev, ",", folder.st_ino, ";");
  for (const char* name : kMeaningfulFiles) {
    AppendIdentity(absl::StrCat(directory, "/", name), fingerprint);
  }
  AppendIdentity(absl::StrCat(directory, "/", kSums), fingerprint);
  return fingerprint;
}

absl::StatusOr<VersionFiles> ReadVersionFiles(const std::string& directory,
                                              const std::string& fingerprint,
                                              int64_t max_checkpoint_bytes) {
  VersionFiles files;
  if (absl::Status status = ReadCheckpoint(directory, max_checkpoint_bytes, files); !status.ok()) {
    return status;
  }
  std::optional<std::string> sums;
  for (const auto& [name, place] :
       {std::pair<const char*, std::optional<std::string>*>{kConfig, &files.config},
        {kGolden, &files.golden},
        {kSums, &sums}}) {
    auto text = ReadIfThere(directory, name, kMaxTextBytes);
    if (!text.ok()) return text.status();
    *place = *std::move(text);
  }
  if (VersionFingerprint(directory) != fingerprint) {
    return absl::AbortedError("the files changed while they were read");
  }
  if (!sums.has_value()) return files;
  Contents contents = {{files.checkpoint_name, &files.checkpoint}};
  if (files.config.has_value()) contents[kConfig] = &*files.config;
  if (files.golden.has_value()) contents[kGolden] = &*files.golden;
  if (absl::Status status = CheckSums(directory, *sums, contents); !status.ok()) return status;
  return files;
}

}  // namespace mdn

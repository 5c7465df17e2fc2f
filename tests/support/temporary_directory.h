#ifndef MDN_TESTS_SUPPORT_TEMPORARY_DIRECTORY_H_
#define MDN_TESTS_SUPPORT_TEMPORARY_DIRECTORY_H_

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>

namespace mdn {

/// A directory that goes with this object.
class TemporaryDirectory {
 public:
  TemporaryDirectory() : path_(std::filesystem::temp_directory_path() / "mdn_XXXXXX") {
    std::string name = path_.string();
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary directory");
    path_ = name;
  }
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  std::string path() const { return path_.string(); }
  std::string Path(const std::string& entry) const { return path_ / entry; }

  /// Makes the file, and the directories that are missing. Returns its path.
  std::string Write(const std::string& file, const std::string& bytes) const {
    const std::filesystem::path path = path_ / file;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << bytes;
    return path.string();
  }

  /// The file has the new bytes at once. Returns its path.
  std::string Replace(const std::string& file, const std::string& bytes) const {
    Write(file + ".new", bytes);
    Rename(file + ".new", file);
    return Path(file);
  }

  void Remove(const std::string& entry) const { std::filesystem::remove_all(path_ / entry); }
  void Rename(const std::string& from, const std::string& to) const {
    std::filesystem::rename(path_ / from, path_ / to);
  }

 private:
  std::filesystem::path path_;
};

}  // namespace mdn

#endif  // MDN_TESTS_SUPPORT_TEMPORARY_DIRECTORY_H_

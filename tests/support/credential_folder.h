#ifndef MDN_TESTS_SUPPORT_CREDENTIAL_FOLDER_H_
#define MDN_TESTS_SUPPORT_CREDENTIAL_FOLDER_H_

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>

namespace mdn {

/// A folder of its own, for a test's credential files, which goes with the object.
class CredentialFolder {
 public:
  CredentialFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "mdn_test_XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
    path_ = name;
  }
  ~CredentialFolder() { std::filesystem::remove_all(path_); }
  CredentialFolder(const CredentialFolder&) = delete;
  CredentialFolder& operator=(const CredentialFolder&) = delete;

  std::string Path(const std::string& file) const { return path_ / file; }
  /// Replaces the file at once; returns its path.
  std::string Write(const std::string& file, const std::string& text) const {
    std::ofstream(path_ / "new") << text;
    std::filesystem::rename(path_ / "new", path_ / file);
    return Path(file);
  }

 private:
  std::filesystem::path path_;
};

}  // namespace mdn

#endif  // MDN_TESTS_SUPPORT_CREDENTIAL_FOLDER_H_

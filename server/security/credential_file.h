#ifndef MDN_SERVER_SECURITY_CREDENTIAL_FILE_H_
#define MDN_SERVER_SECURITY_CREDENTIAL_FILE_H_

#include <spdlog/spdlog.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "absl/status/statusor.h"

namespace mdn {

/// The text of a regular file of at most 1 MiB. Errors are ReadRegularFile's, and name the file.
absl::StatusOr<std::string> ReadCredentialFile(const std::string& path);

/// What credential files hold, read again from time to time. Files that are not as they should be,
/// perhaps because they are being written, change nothing. Thread-safe.
template <class Contents>
class Reloaded {
 public:
  using Read = std::function<absl::StatusOr<Contents>()>;

  /// `name` is what the log calls it. The error of the first `read`, if any.
  static absl::StatusOr<std::shared_ptr<Reloaded>> Load(const std::string& name, Read read) {
    absl::StatusOr<Contents> contents = read();
    if (!contents.ok()) return contents.status();
    return std::shared_ptr<Reloaded>(new Reloaded(name, std::move(read), *std::move(contents)));
  }

  std::shared_ptr<const Contents> current() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return current_;
  }

  /// How often the contents have changed; grows afterwards.
  uint64_t revision() const { return revision_.load(std::memory_order_acquire); }
  /// How often files were refused, once for each reason in a row.
  uint64_t refusals() const { return refusals_.load(std::memory_order_relaxed); }

  /// Takes what is new in the files and stands the checks; otherwise what is in use stays, and the
  /// log tells why, once for each reason. Confined to one thread.
  void Refresh() {
    absl::StatusOr<Contents> contents = read_();
    if (!contents.ok()) {
      const std::string complaint(contents.status().message());
      if (complaint == complaint_) return;
      spdlog::error("{} stays as it was: {}", name_, complaint);
      complaint_ = complaint;
      refusals_.fetch_add(1, std::memory_order_relaxed);
      return;
    }
    complaint_.clear();
    if (*contents == *current()) return;
    spdlog::info("{} was read again", name_);
    auto next = std::make_shared<const Contents>(*std::move(contents));
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      current_.swap(next);
    }
    revision_.fetch_add(1, std::memory_order_release);
  }

 private:
  Reloaded(const std::string& name, Read read, Contents contents)
      : name_(name),
        read_(std::move(read)),
        current_(std::make_shared<const Contents>(std::move(contents))) {}

  const std::string name_;
  const Read read_;
  std::string complaint_;  // Refresh's.
  std::atomic<uint64_t> revision_{0}, refusals_{0};
  mutable std::mutex mutex_;
  /// Guarded by mutex_.
  std::shared_ptr<const Contents> current_;
};

}  // namespace mdn

#endif  // MDN_SERVER_SECURITY_CREDENTIAL_FILE_H_

#ifndef MDN_SERVER_REPOSITORY_DIRECTORY_WATCH_H_
#define MDN_SERVER_REPOSITORY_DIRECTORY_WATCH_H_

#include <chrono>
#include <string>
#include <vector>

namespace mdn {

/// Waits for something to happen in directories, by inotify. Where that does not work, as on file
/// systems of other machines, only Wake and the time end a wait. Wake is thread-safe; the rest is
/// confined to one thread.
class DirectoryWatch {
 public:
  DirectoryWatch();
  ~DirectoryWatch();
  DirectoryWatch(const DirectoryWatch&) = delete;
  DirectoryWatch& operator=(const DirectoryWatch&) = delete;

  /// Watches these too. Those that cannot be watched are left out.
  void Add(const std::vector<std::string>& directories);

  /// Returns when an entry of a directory appears, goes, changes its name or its attributes, or has
  /// been written; when Wake was called; or at `deadline`. What happened since the last call
  /// counts.
  void Wait(std::chrono::steady_clock::time_point deadline);

  void Wake();

 private:
  int events_ = -1;  // inotify's; -1 where there is none.
  int wakes_ = -1;   // eventfd's.
};

}  // namespace mdn

#endif  // MDN_SERVER_REPOSITORY_DIRECTORY_WATCH_H_

#include "server/repository/directory_watch.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>

namespace mdn {
namespace {

constexpr uint32_t kChanges = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_CLOSE_WRITE |
                              IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF;

void Drain(int descriptor) {
  char unread[4096];
  while (descriptor >= 0 && read(descriptor, unread, sizeof(unread)) > 0) {
  }
}

}  // namespace

DirectoryWatch::DirectoryWatch()
    : events_(inotify_init1(IN_CLOEXEC | IN_NONBLOCK)),
      wakes_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (wakes_ < 0) std::abort();  // As where there is no memory.
}

DirectoryWatch::~DirectoryWatch() {
  close(wakes_);
  if (events_ >= 0) close(events_);
}

void DirectoryWatch::Add(const std::vector<std::string>& directories) {
  if (events_ < 0) return;
  for (const std::string& directory : directories) {
    inotify_add_watch(events_, directory.c_str(), kChanges | IN_ONLYDIR);
  }
}

void DirectoryWatch::Wait(std::chrono::steady_clock::time_point deadline) {
  constexpr std::chrono::milliseconds kLongest(std::chrono::hours(1));
  const auto now = std::chrono::steady_clock::now();
  const auto wait =
      deadline <= now
          ? std::chrono::milliseconds(0)
          : std::chrono::ceil<std::chrono::milliseconds>(std::min(deadline, now + kLongest) - now);
  pollfd sources[] = {{wakes_, POLLIN, 0}, {events_, POLLIN, 0}};  // Those below 0 are passed over.
  poll(sources, 2, static_cast<int>(wait.count()));
  Drain(wakes_);
  Drain(events_);
}

void DirectoryWatch::Wake() {
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(wakes_, &one, sizeof(one));
}

}  // namespace mdn

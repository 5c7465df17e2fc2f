#include "server/connections/gathered_writes.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

// NOLINTBEGIN(bugprone-reserved-identifier): the linker's names.
extern "C" ssize_t __real_sendmsg(int socket, const msghdr* message, int flags);
extern "C" ssize_t __wrap_sendmsg(int socket, const msghdr* message, int flags);
// NOLINTEND(bugprone-reserved-identifier)

namespace mdn {
namespace {

constexpr int kNone = -1;

/// What a thread has sent that TCP may still hold back.
struct Held {
  bool gathers = false;
  int socket = kNone;
  int messages = 0;
};

thread_local Held held;

void Release() {
  if (held.socket == kNone) return;
  const int no_delay = 1;
  // Sends what is held back, also where it is set already.
  setsockopt(held.socket, IPPROTO_TCP, TCP_NODELAY, &no_delay, sizeof(no_delay));
  held.socket = kNone;
  held.messages = 0;
}

}  // namespace

GatheredWrites::GatheredWrites() { held.gathers = true; }

GatheredWrites::~GatheredWrites() {
  Release();
  held.gathers = false;
}

}  // namespace mdn

ssize_t __wrap_sendmsg(int socket, const msghdr* message, int flags) {
  using mdn::held;
  if (!held.gathers) return __real_sendmsg(socket, message, flags);
  if (held.socket != socket) mdn::Release();
  if (held.messages + 1 == mdn::GatheredWrites::kMostGathered) {
    held = {true, mdn::kNone, 0};
    return __real_sendmsg(socket, message, flags);
  }
  held = {true, socket, held.messages + 1};
  return __real_sendmsg(socket, message, flags | MSG_MORE);
}

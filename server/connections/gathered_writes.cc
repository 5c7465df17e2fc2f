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

// With 64 calls under way on 8 connections a call costs 1.04 times an echo's CPU; with
// --max_batch_rows=1, where each answer leaves by itself, 1.25. More than 16 together gain nothing.
// tests/benchmarks/serving --widths=50 --only=saturated

constexpr int kNone = -1;

/// What a thread has sent to one socket in a row.
struct Run {
  bool gathers = false;
  bool more_follows = false;
  int socket = kNone;
  int messages = 0;
  /// TCP may hold the last one back.
  bool is_held = false;
};

thread_local Run run;

void EndRun() {
  if (run.is_held) {
    // Sends what is held back, also where it is set already.
    const int no_delay = 1;
    setsockopt(run.socket, IPPROTO_TCP, TCP_NODELAY, &no_delay, sizeof(no_delay));
  }
  run.socket = kNone;
  run.messages = 0;
  run.is_held = false;
}

/// Whether TCP is told that more follows this message to the socket.
bool AddToRun(int socket) {
  if (run.socket != socket) EndRun();
  run.socket = socket;
  ++run.messages;
  run.is_held = run.more_follows && run.messages % GatheredWrites::kMostGathered != 0;
  return run.is_held;
}

}  // namespace

GatheredWrites::GatheredWrites() {
  run.gathers = true;
  run.more_follows = false;
}

void GatheredWrites::Announce(bool more_follows) { run.more_follows = more_follows; }

GatheredWrites::~GatheredWrites() {
  EndRun();
  run.gathers = false;
}

}  // namespace mdn

ssize_t __wrap_sendmsg(int socket, const msghdr* message, int flags) {
  if (mdn::run.gathers && mdn::AddToRun(socket)) flags |= MSG_MORE;
  return __real_sendmsg(socket, message, flags);
}

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
  int socket = kNone;
  int messages = 0;
  /// TCP may hold the last one back.
  bool is_held = false;
  /// The run before had several messages. Where peers alternate, telling TCP that more follows, and
  /// then that it does not, gains nothing and costs a system call.
  bool expects_more = false;
};

thread_local Run run;

void EndRun() {
  if (run.socket == kNone) return;
  if (run.is_held) {
    // Sends what is held back, also where it is set already; without a push flag, as uncorking.
    const int no_delay = 1;
    setsockopt(run.socket, IPPROTO_TCP, TCP_NODELAY, &no_delay, sizeof(no_delay));
  }
  run = {run.gathers, kNone, 0, false, run.messages > 1};
}

/// Whether TCP is told that more follows this message to the socket.
bool AddToRun(int socket) {
  if (run.socket != socket) EndRun();
  run.socket = socket;
  ++run.messages;
  run.is_held =
      (run.messages > 1 || run.expects_more) && run.messages % GatheredWrites::kMostGathered != 0;
  return run.is_held;
}

}  // namespace

GatheredWrites::GatheredWrites() { run.gathers = true; }

GatheredWrites::~GatheredWrites() {
  EndRun();
  run.gathers = false;
}

}  // namespace mdn

ssize_t __wrap_sendmsg(int socket, const msghdr* message, int flags) {
  if (mdn::run.gathers && mdn::AddToRun(socket)) flags |= MSG_MORE;
  return __real_sendmsg(socket, message, flags);
}

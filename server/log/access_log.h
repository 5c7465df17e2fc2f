#ifndef MDN_SERVER_LOG_ACCESS_LOG_H_
#define MDN_SERVER_LOG_ACCESS_LOG_H_

#include <grpcpp/server_context.h>
#include <spdlog/logger.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "server/log/log.h"

namespace mdn {

enum class LoggedCalls : uint8_t { kNone, kErrors, kAll };

/// A caller's x-request-id, where it is one: 1 to 128 letters, digits, or any of -_.:/+=@.
bool IsRequestId(absl::string_view text);

/// The ids of a W3C traceparent; empty where the text is none.
struct TraceIds {
  absl::string_view trace;
  absl::string_view span;
};
TraceIds ParseTraceparent(absl::string_view text);

/// A line for a call: what it was, who called, how it ended and how long it took, and the ids that
/// callers know it by. Nothing of what was asked or answered. Thread-safe.
class AccessLog {
 public:
  /// Logs nothing.
  AccessLog() = default;
  /// `share` of the calls that succeed are logged with kAll; errors always.
  AccessLog(LoggedCalls calls, double share, LogFormat format,
            std::shared_ptr<spdlog::logger> logger);

  /// Whether a call that ends so has a line. Costs nothing where no call has.
  bool Wants(bool ok) const { return calls_ != LoggedCalls::kNone && WantsOf(ok); }

  /// Writes the line, and tells the caller x-request-id in the trailing metadata: its own or, where
  /// it sent none that is one, a new one. Before the answer is sent.
  void Write(grpc::ServerContext& context, absl::string_view service, absl::string_view method,
             absl::StatusCode code, std::chrono::nanoseconds duration) const;

 private:
  bool WantsOf(bool ok) const;

  LoggedCalls calls_ = LoggedCalls::kNone;
  uint32_t threshold_ = 0;
  LogFormat format_ = LogFormat::kText;
  std::shared_ptr<spdlog::logger> logger_;
};

}  // namespace mdn

#endif  // MDN_SERVER_LOG_ACCESS_LOG_H_

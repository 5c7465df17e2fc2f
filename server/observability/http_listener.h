#ifndef MDN_SERVER_OBSERVABILITY_HTTP_LISTENER_H_
#define MDN_SERVER_OBSERVABILITY_HTTP_LISTENER_H_

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace mdn {

/// Answers GET and HEAD of a few pages over HTTP/1.1, on a thread of its own, and holds against
/// whoever connects: connections, their time and what they send are bounded, and bodies are never
/// read. A connection carries one request. Start and destruction belong to one thread.
class HttpListener {
 public:
  struct Page {
    int status = 200;
    std::string content_type = "text/plain; charset=utf-8";
    std::string body;
  };
  /// By path, "/metrics". Called on the listener's thread, one at a time; they may take their time,
  /// which others wait for.
  using Pages = std::map<std::string, std::function<Page()>>;

  struct Limits {
    /// Where one more comes, the oldest is closed: so peers that keep theirs open do not lock
    /// others out.
    size_t connections = 32;
    /// From the connection's beginning to its end.
    std::chrono::milliseconds time{5000};
  };

  /// Listens on `address`, HOST:PORT or [HOST]:PORT, where port 0 picks a free one. UNAVAILABLE
  /// names the address and why it cannot be had.
  static absl::StatusOr<std::unique_ptr<HttpListener>> Start(const std::string& address,
                                                             Pages pages, Limits limits);
  virtual ~HttpListener() = default;

  /// With the port that was picked.
  virtual std::string address() const = 0;
};

}  // namespace mdn

#endif  // MDN_SERVER_OBSERVABILITY_HTTP_LISTENER_H_

#ifndef MDN_TESTS_INTEGRATION_RAW_HTTP2_H_
#define MDN_TESTS_INTEGRATION_RAW_HTTP2_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace mdn {

/// One HTTP/2 connection to this machine with one request on stream 1, or many that are reset,
/// written by hand so that it can say what no gRPC client would (RFC 9113, RFC 7541). Honours flow
/// control. Confined to one thread.
class RawHttp2 {
 public:
  using Headers = std::vector<std::pair<std::string, std::string>>;

  /// Connects and sends the preface and settings; throws where it cannot.
  explicit RawHttp2(int port);
  ~RawHttp2();
  RawHttp2(const RawHttp2&) = delete;
  RawHttp2& operator=(const RawHttp2&) = delete;

  /// Begins a gRPC call of `path` with further headers.
  void BeginCall(const std::string& path, const Headers& extra = {});
  /// Sends the bytes as DATA as far as the peer's windows allow, waiting at most `wait_ms` for them
  /// to open. Returns how many were sent; fewer than there are where the peer stopped reading or is
  /// gone.
  size_t SendData(const std::string& bytes, int wait_ms, bool end_stream = false);
  /// Begins calls of `path`, each with the bytes `message` in it, and resets each at once. Returns
  /// how many were sent; fewer than `count` where the peer is gone.
  int BeginAndResetCalls(const std::string& path, const std::string& message, int count);
  /// Frames that mean nothing, or that belong to headers which never end.
  enum class Flood { kPing, kSettings, kEmptyData, kWindowUpdate, kPriority, kContinuation };
  /// Begins a call of `path` and sends such frames. Returns their bytes; fewer than `bytes` where
  /// the peer is gone.
  int64_t SendFlood(const std::string& path, Flood flood, int64_t bytes);
  /// Begins a call with a header of `bytes` bytes, in pieces that a proxy would let pass. False
  /// where the peer is gone before its end.
  bool BeginCallWithLongHeader(const std::string& path, size_t bytes);
  /// The stream or the connection was ended by the peer within `wait_ms`.
  bool AwaitEnd(int wait_ms);
  /// The peer closed the connection, and said nothing for `wait_ms` before at most.
  bool AwaitClose(int wait_ms);
  bool ended() const { return ended_; }

 private:
  std::string RequestHeaders(const std::string& path, const Headers& extra) const;
  bool Send(const std::string& bytes);
  /// Reads what has come, or waits for something; false after `wait_ms`.
  bool Receive(int wait_ms);
  void TakeFrames();
  void TakeFrame(uint8_t type, uint8_t flags, uint32_t stream, const std::string& payload);

  int socket_ = -1;
  bool ended_ = false;
  bool gone_ = false;
  int64_t connection_window_ = 65535;
  int64_t stream_window_ = 65535;
  int64_t initial_window_ = 65535;
  std::string received_;
};

/// A gRPC message's prefix: compressed or not, and its length.
std::string MessagePrefix(bool compressed, uint32_t length);

}  // namespace mdn

#endif  // MDN_TESTS_INTEGRATION_RAW_HTTP2_H_

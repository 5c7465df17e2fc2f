#include "tests/integration/raw_http2.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <stdexcept>

namespace mdn {
namespace {

constexpr uint8_t kData = 0, kHeaders = 1, kPriority = 2, kReset = 3, kSettings = 4, kPing = 6,
                  kGoAway = 7, kWindowUpdate = 8, kContinuation = 9;
constexpr uint8_t kEndStream = 1, kAck = 1, kEndHeaders = 4;
constexpr size_t kMaxFrame = 16384;

std::string BigEndian(uint32_t value, int bytes) {
  std::string text;
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) {
    text.push_back(static_cast<char>(value >> shift));
  }
  return text;
}

uint32_t ReadBigEndian(const std::string& text, size_t at, int bytes) {
  uint32_t value = 0;
  for (int i = 0; i < bytes; ++i) value = value << 8 | static_cast<uint8_t>(text[at + i]);
  return value;
}

std::string Frame(uint8_t type, uint8_t flags, uint32_t stream, const std::string& payload) {
  return BigEndian(static_cast<uint32_t>(payload.size()), 3) + static_cast<char>(type) +
         static_cast<char>(flags) + BigEndian(stream, 4) + payload;
}

/// A literal header field that is not indexed; name and value shorter than 127 bytes.
std::string Literal(const std::string& name, const std::string& value) {
  return std::string(1, '\0') + static_cast<char>(name.size()) + name +
         static_cast<char>(value.size()) + value;
}

std::string FloodFrame(RawHttp2::Flood flood) {
  switch (flood) {
    case RawHttp2::Flood::kPing:
      return Frame(kPing, 0, 0, std::string(8, 'x'));
    case RawHttp2::Flood::kSettings:
      return Frame(kSettings, 0, 0, BigEndian(4, 2) + BigEndian(65535, 4));
    case RawHttp2::Flood::kEmptyData:
      return Frame(kData, 0, 1, "");
    case RawHttp2::Flood::kWindowUpdate:
      return Frame(kWindowUpdate, 0, 1, BigEndian(1, 4));
    case RawHttp2::Flood::kPriority:
      return Frame(kPriority, 0, 1, BigEndian(0, 4) + '\x10');
    case RawHttp2::Flood::kContinuation:
      return Frame(kContinuation, 0, 1, Literal("name", std::string(100, 'x')));
  }
  return "";
}

}  // namespace

std::string MessagePrefix(bool compressed, uint32_t length) {
  return std::string(1, compressed ? '\1' : '\0') + BigEndian(length, 4);
}

RawHttp2::RawHttp2(int port) : socket_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 ||
      !Send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + Frame(kSettings, 0, 0, ""))) {
    throw std::runtime_error("cannot connect to port " + std::to_string(port));
  }
}

RawHttp2::~RawHttp2() { close(socket_); }

std::string RawHttp2::RequestHeaders(const std::string& path, const Headers& extra) const {
  std::string block = Literal(":method", "POST") + Literal(":scheme", "http") +
                      Literal(":path", path) + Literal(":authority", "localhost") +
                      Literal("te", "trailers") + Literal("content-type", "application/grpc");
  for (const auto& [name, value] : extra) block += Literal(name, value);
  return block;
}

void RawHttp2::BeginCall(const std::string& path, const Headers& extra) {
  Send(Frame(kHeaders, kEndHeaders, 1, RequestHeaders(path, extra)));
}

int RawHttp2::BeginAndResetCalls(const std::string& path, const std::string& message, int count) {
  constexpr uint32_t kCancel = 8;
  const std::string headers = RequestHeaders(path, {});
  for (int i = 0; i < count; ++i) {
    const uint32_t stream = 2 * i + 1;
    std::string frames = Frame(kHeaders, kEndHeaders, stream, headers);
    if (!message.empty()) frames += Frame(kData, 0, stream, message);
    if (!Send(frames + Frame(kReset, 0, stream, BigEndian(kCancel, 4)))) return i;
    while (Receive(0)) {
    }
    // What the peer says of streams that were reset is of no interest; it has not gone.
    if (gone_) return i;
    ended_ = false;
  }
  return count;
}

int64_t RawHttp2::SendFlood(const std::string& path, Flood flood, int64_t bytes) {
  const uint8_t end = flood == Flood::kContinuation ? 0 : kEndHeaders;
  Send(Frame(kHeaders, end, 1, RequestHeaders(path, {})));
  std::string frames;
  while (frames.size() < (64 << 10)) frames += FloodFrame(flood);
  for (int64_t sent = 0; sent < bytes; sent += static_cast<int64_t>(frames.size())) {
    if (!Send(frames)) return sent;
    while (flood != Flood::kContinuation && Receive(0)) {  // No other frame may come between.
    }
    if (gone_) return sent;
  }
  return bytes;
}

bool RawHttp2::BeginCallWithLongHeader(const std::string& path, size_t bytes) {
  // A literal whose value's length, of 7 bits, goes on in bytes of 7 bits (RFC 7541, 5.1).
  std::string block = RequestHeaders(path, {}) + std::string(1, '\0') + '\x04' + "long" + '\x7f';
  size_t rest = bytes - 127;
  for (; rest >= 128; rest /= 128) block.push_back(static_cast<char>(rest % 128 + 128));
  block.push_back(static_cast<char>(rest));
  block += std::string(bytes, 'x');
  for (size_t at = 0; at < block.size(); at += kMaxFrame) {
    const uint8_t end = at + kMaxFrame >= block.size() ? kEndHeaders : 0;
    if (!Send(Frame(at == 0 ? kHeaders : kContinuation, end, 1, block.substr(at, kMaxFrame)))) {
      return false;
    }
    Receive(0);
    if (gone_) return false;
  }
  return true;
}

size_t RawHttp2::SendData(const std::string& bytes, int wait_ms, bool end_stream) {
  size_t sent = 0;
  while (sent < bytes.size() && !ended_) {
    const int64_t window = std::min(connection_window_, stream_window_);
    if (window <= 0) {
      if (!Receive(wait_ms)) return sent;
      continue;
    }
    const size_t count = std::min({bytes.size() - sent, kMaxFrame, static_cast<size_t>(window)});
    const bool last = end_stream && sent + count == bytes.size();
    if (!Send(Frame(kData, last ? kEndStream : 0, 1, bytes.substr(sent, count)))) return sent;
    connection_window_ -= static_cast<int64_t>(count);
    stream_window_ -= static_cast<int64_t>(count);
    sent += count;
    Receive(0);
  }
  return sent;
}

bool RawHttp2::AwaitEnd(int wait_ms) {
  while (!ended_ && Receive(wait_ms)) {
  }
  return ended_;
}

bool RawHttp2::AwaitClose(int wait_ms) {
  while (Receive(wait_ms)) {
  }
  return gone_;
}

bool RawHttp2::Send(const std::string& bytes) {
  for (size_t sent = 0; sent < bytes.size();) {
    const ssize_t count = send(socket_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (count <= 0) {
      ended_ = gone_ = true;
      return false;
    }
    sent += count;
  }
  return true;
}

bool RawHttp2::Receive(int wait_ms) {
  pollfd readable{socket_, POLLIN, 0};
  if (gone_ || poll(&readable, 1, wait_ms) <= 0) return false;
  char chunk[16384];
  const ssize_t count = recv(socket_, chunk, sizeof(chunk), 0);
  if (count <= 0) {
    ended_ = gone_ = true;
    return false;
  }
  received_.append(chunk, count);
  TakeFrames();
  return true;
}

void RawHttp2::TakeFrames() {
  while (received_.size() >= 9) {
    const size_t length = ReadBigEndian(received_, 0, 3);
    if (received_.size() < 9 + length) return;
    TakeFrame(received_[3], received_[4], ReadBigEndian(received_, 5, 4) & 0x7fffffff,
              received_.substr(9, length));
    received_.erase(0, 9 + length);
  }
}

void RawHttp2::TakeFrame(uint8_t type, uint8_t flags, uint32_t stream, const std::string& payload) {
  if (type == kSettings && (flags & kAck) == 0) {
    constexpr uint32_t kInitialWindowSize = 4;
    for (size_t at = 0; at + 6 <= payload.size(); at += 6) {
      if (ReadBigEndian(payload, at, 2) != kInitialWindowSize) continue;
      const int64_t size = ReadBigEndian(payload, at + 2, 4);
      stream_window_ += size - initial_window_;
      initial_window_ = size;
    }
    Send(Frame(kSettings, kAck, 0, ""));
  } else if (type == kPing && (flags & kAck) == 0) {
    Send(Frame(kPing, kAck, 0, payload));
  } else if (type == kWindowUpdate) {
    (stream == 0 ? connection_window_ : stream_window_) += ReadBigEndian(payload, 0, 4);
  } else if (type == kReset || type == kGoAway ||
             ((type == kHeaders || type == kData) && (flags & kEndStream) != 0)) {
    ended_ = true;
  }
}

}  // namespace mdn

#include "server/observability/http_listener.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <limits>
#include <list>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"

namespace mdn {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using boost::system::error_code;
using tcp = asio::ip::tcp;

constexpr uint32_t kMaxHeaderBytes = 8192;
constexpr int kBacklog = 64;
constexpr std::chrono::milliseconds kPauseAfterFailedAccept(100);

HttpListener::Page Answer(const http::request_header<>& request, const HttpListener::Pages& pages) {
  if (request.method() != http::verb::get && request.method() != http::verb::head) {
    return {405, "text/plain; charset=utf-8", "expected GET or HEAD\n"};
  }
  const std::string target(request.target());
  const auto page = pages.find(target.substr(0, target.find('?')));
  if (page == pages.end()) return {404, "text/plain; charset=utf-8", "there is no such page\n"};
  return page->second();
}

/// One connection. Pending operations hold it.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  using Ended = std::function<void()>;

  /// `pages` outlives the connection.
  Connection(tcp::socket socket, const HttpListener::Pages& pages)
      : stream_(std::move(socket)), pages_(pages) {
    parser_.header_limit(kMaxHeaderBytes);
    parser_.body_limit(std::numeric_limits<uint64_t>::max());  // It is not read.
  }

  /// Calls `ended` once nothing more will be sent, except after Close.
  void Run(std::chrono::milliseconds time, Ended ended) {
    ended_ = std::move(ended);
    stream_.expires_after(time);
    http::async_read_header(stream_, buffer_, parser_,
                            [self = shared_from_this()](error_code error, size_t) {
                              error ? self->End() : self->Write();
                            });
  }

  void Close() {
    ended_ = nullptr;
    stream_.close();
  }

 private:
  void Write() {
    HttpListener::Page page = Answer(parser_.get(), pages_);
    response_.result(static_cast<unsigned>(page.status));
    response_.set(http::field::content_type, page.content_type);
    response_.keep_alive(false);
    response_.body() = std::move(page.body);
    response_.prepare_payload();
    if (parser_.get().method() == http::verb::head) response_.body().clear();
    http::async_write(stream_, response_,
                      [self = shared_from_this()](error_code, size_t) { self->End(); });
  }

  void End() {
    error_code ignored;
    stream_.socket().shutdown(tcp::socket::shutdown_send, ignored);
    if (ended_ != nullptr) std::exchange(ended_, nullptr)();
  }

  beast::tcp_stream stream_;
  const HttpListener::Pages& pages_;
  beast::flat_static_buffer<kMaxHeaderBytes> buffer_;
  http::request_parser<http::empty_body> parser_;
  http::response<http::string_body> response_;
  Ended ended_;
};

class BeastListener final : public HttpListener {
 public:
  BeastListener(Pages pages, Limits limits) : pages_(std::move(pages)), limits_(limits) {}

  ~BeastListener() override {
    context_.stop();
    if (thread_.joinable()) thread_.join();
  }

  error_code Bind(const std::string& host, const std::string& port) {
    error_code error;
    const auto found = tcp::resolver(context_).resolve(host, port, tcp::resolver::passive, error);
    if (error) return error;
    for (const auto& entry : found) {
      error = Bind(entry.endpoint());
      if (!error) break;
    }
    return error;
  }

  void Run() {
    Accept();
    thread_ = std::thread([this] { context_.run(); });
  }

  std::string address() const override {
    return absl::StrCat(host_, ":", acceptor_.local_endpoint().port());
  }
  void set_host(std::string host) { host_ = std::move(host); }

 private:
  error_code Bind(const tcp::endpoint& endpoint) {
    error_code error;
    acceptor_.close(error);
    acceptor_.open(endpoint.protocol(), error);
    if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(kBacklog, error);
    return error;
  }

  void Accept() {
    acceptor_.async_accept([this](error_code error, tcp::socket socket) {
      if (error) return AcceptLater();
      Serve(std::move(socket));
      Accept();
    });
  }

  /// No file descriptor may be left.
  void AcceptLater() {
    pause_.expires_after(kPauseAfterFailedAccept);
    pause_.async_wait([this](error_code) { Accept(); });
  }

  void Serve(tcp::socket socket) {
    if (connections_.size() == limits_.connections) {
      connections_.front()->Close();
      connections_.pop_front();
    }
    const auto place = connections_.insert(connections_.end(),
                                           std::make_shared<Connection>(std::move(socket), pages_));
    (*place)->Run(limits_.time, [this, place] { connections_.erase(place); });
  }

  const Pages pages_;
  const Limits limits_;
  std::string host_;
  asio::io_context context_{1};
  tcp::acceptor acceptor_{context_};
  asio::steady_timer pause_{context_};
  // Confined to thread_, in the order in which they came.
  std::list<std::shared_ptr<Connection>> connections_;
  std::thread thread_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<HttpListener>> HttpListener::Start(const std::string& address,
                                                                  Pages pages, Limits limits) {
  const size_t colon = address.rfind(':');
  if (colon == std::string::npos || colon == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("cannot listen on ", address, ": expected HOST:PORT"));
  }
  std::string host = address.substr(0, colon);
  auto listener = std::make_unique<BeastListener>(std::move(pages), limits);
  listener->set_host(host);
  if (host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  if (const error_code error = listener->Bind(host, address.substr(colon + 1))) {
    return absl::UnavailableError(
        absl::StrCat("cannot listen on ", address, ": ", error.message()));
  }
  listener->Run();
  return listener;
}

}  // namespace mdn

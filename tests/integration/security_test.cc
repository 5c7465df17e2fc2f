#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/time.h"
#include "mdn/client.h"
#include "mdn/v1/mdn.grpc.pb.h"
#include "tests/support/await.h"
#include "tests/support/call_by_name.h"
#include "tests/support/certificates.h"
#include "tests/support/child_process.h"
#include "tests/support/connected_channel.h"
#include "tests/support/monitored_server.h"
#include "tests/support/temporary_directory.h"

namespace mdn {
namespace {

using ::testing::HasSubstr;

constexpr char kCaller[] = "0123456789abcdef-caller";
constexpr char kNextCaller[] = "0123456789abcdef-next-caller";

std::string TokenList(const std::string& token) {
  return R"({"caller": {"token": ")" + token + R"(", "roles": ["call"]}})";
}

class SecurityTest : public testing::Test {
 protected:
  SecurityTest() {
    folder_.Replace("ca.pem", authority_.certificate());
    WriteServer(authority_.Issue());
  }

  void WriteServer(const Pem& pem) const {
    folder_.Replace("key.pem", pem.key);
    folder_.Replace("cert.pem", pem.certificate);
  }
  std::vector<std::string> TlsFlags() const {
    return {"--tls_cert=" + folder_.Path("cert.pem"), "--tls_key=" + folder_.Path("key.pem")};
  }
  SecurityOptions Trust() const {
    SecurityOptions security;
    security.ca_file = folder_.Path("ca.pem");
    return security;
  }
  static ClientOptions Options(const std::string& address, const SecurityOptions& security) {
    ClientOptions options;
    options.servers = {address};
    options.timeout = absl::Seconds(20);
    options.security = security;
    return options;
  }
  static absl::Status Call(const std::string& address, const SecurityOptions& security,
                           absl::Duration timeout = absl::Seconds(20)) {
    ClientOptions options = Options(address, security);
    options.timeout = timeout;
    return Client(options).GetModel().status();
  }

  const CertificateAuthority authority_;
  const TemporaryDirectory folder_;
};

TEST_F(SecurityTest, AnswersWhoTrustsItsAuthorityAndNobodyElse) {
  const ServerProcess server("ex_1d.pt", TlsFlags());
  EXPECT_TRUE(Call(server.address(), Trust()).ok());
  EXPECT_EQ(Call(server.address(), {}).code(), absl::StatusCode::kUnavailable);

  SecurityOptions stranger;
  stranger.ca_file = folder_.Replace("stranger.pem", CertificateAuthority().certificate());
  EXPECT_EQ(Call(server.address(), stranger).code(), absl::StatusCode::kUnavailable);

  SecurityOptions elsewhere = Trust();
  elsewhere.server_name = "mdn.example";
  EXPECT_EQ(Call(server.address(), elsewhere).code(), absl::StatusCode::kUnavailable);
}

TEST_F(SecurityTest, AnotherNameInTheCertificateCanBeAskedFor) {
  CertificateOptions named;
  named.names = "DNS:mdn.example";
  WriteServer(authority_.Issue(named));
  const ServerProcess server("ex_1d.pt", TlsFlags());
  EXPECT_EQ(Call(server.address(), Trust()).code(), absl::StatusCode::kUnavailable);
  SecurityOptions elsewhere = Trust();
  elsewhere.server_name = "mdn.example";
  EXPECT_TRUE(Call(server.address(), elsewhere).ok());
}

TEST_F(SecurityTest, DemandsAClientsCertificateOfItsAuthority) {
  std::vector<std::string> flags = TlsFlags();
  flags.push_back("--tls_client_ca=" + folder_.Path("ca.pem"));
  const ServerProcess server("ex_1d.pt", flags);
  EXPECT_EQ(Call(server.address(), Trust()).code(), absl::StatusCode::kUnavailable);

  const auto with = [&](const Pem& pem) {
    SecurityOptions security = Trust();
    security.certificate_file = folder_.Replace("client.pem", pem.certificate);
    security.key_file = folder_.Replace("client_key.pem", pem.key);
    return Call(server.address(), security);
  };
  EXPECT_TRUE(with(authority_.Issue()).ok());
  EXPECT_EQ(with(CertificateAuthority().Issue()).code(), absl::StatusCode::kUnavailable);
  CertificateOptions expired;
  expired.ends = std::chrono::minutes(-1);
  EXPECT_EQ(with(authority_.Issue(expired)).code(), absl::StatusCode::kUnavailable);
}

/// Whether a client that speaks no other version of TLS gets through the handshake.
bool ShakesHands(int port, int version) {
  const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(SSL_CTX_new(TLS_client_method()),
                                                                  &SSL_CTX_free);
  // Without this OpenSSL itself would not speak the old ones.
  SSL_CTX_set_cipher_list(context.get(), "ALL:@SECLEVEL=0");
  SSL_CTX_set_min_proto_version(context.get(), version);
  SSL_CTX_set_max_proto_version(context.get(), version);
  const std::unique_ptr<BIO, decltype(&BIO_free_all)> connection(BIO_new_ssl_connect(context.get()),
                                                                 &BIO_free_all);
  BIO_set_conn_hostname(connection.get(), ("127.0.0.1:" + std::to_string(port)).c_str());
  const bool done = BIO_do_handshake(connection.get()) == 1;
  ERR_clear_error();
  return done;
}

TEST_F(SecurityTest, SpeaksNoOldVersionOfTls) {
  const ServerProcess server("ex_1d.pt", TlsFlags());
  EXPECT_TRUE(ShakesHands(server.port(), TLS1_3_VERSION));
  EXPECT_TRUE(ShakesHands(server.port(), TLS1_2_VERSION));
  EXPECT_FALSE(ShakesHands(server.port(), TLS1_1_VERSION));
  EXPECT_FALSE(ShakesHands(server.port(), TLS1_VERSION));
}

/// A gRPC server with TLS that implements nothing.
class PlainServer {
 public:
  explicit PlainServer(const Pem& pem) {
    grpc::SslServerCredentialsOptions options;
    options.pem_key_cert_pairs.push_back({pem.key, pem.certificate});
    int port = 0;
    grpc::ServerBuilder builder;
    builder.RegisterService(&service_);
    builder.AddListeningPort("127.0.0.1:0", grpc::SslServerCredentials(options), &port);
    server_ = builder.BuildAndStart();
    address_ = "127.0.0.1:" + std::to_string(port);
  }
  const std::string& address() const { return address_; }

 private:
  v1::MdnService::Service service_;
  std::unique_ptr<grpc::Server> server_;
  std::string address_;
};

TEST_F(SecurityTest, AClientRefusesAServerWhoseCertificateHasExpired) {
  const PlainServer good(authority_.Issue());
  EXPECT_EQ(Call(good.address(), Trust()).code(), absl::StatusCode::kUnimplemented);
  CertificateOptions options;
  options.ends = std::chrono::minutes(-1);
  const PlainServer expired(authority_.Issue(options));
  EXPECT_EQ(Call(expired.address(), Trust()).code(), absl::StatusCode::kUnavailable);
}

TEST_F(SecurityTest, DoesNotStartWithABadCertificate) {
  CertificateOptions expired;
  expired.ends = std::chrono::minutes(-1);
  WriteServer(authority_.Issue(expired));
  std::vector<std::string> arguments = {MDN_SERVER_PROGRAM, "--model=" MDN_TEST_DATA "/ex_1d.pt"};
  const auto flags = TlsFlags();
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  ChildProcess server(arguments);
  EXPECT_EQ(server.Wait(), 65);
  EXPECT_THAT(server.errors(), HasSubstr("cert.pem: the certificate expired at "));
}

/// Each call is a handshake of its own.
class HandshakeLoad {
 public:
  explicit HandshakeLoad(ClientOptions options) {
    for (int i = 0; i < 2; ++i) callers_.emplace_back([this, options] { Run(options); });
    steady_.emplace_back([this, options] { RunOnOneConnection(options); });
  }
  ~HandshakeLoad() { Stop(); }
  void Stop() {
    stopped_ = true;
    for (auto* threads : {&callers_, &steady_}) {
      for (std::thread& thread : *threads) {
        if (thread.joinable()) thread.join();
      }
    }
  }
  int answered() const { return answered_; }
  int failed() const { return failed_; }
  void AwaitMore(int count) const {
    for (const int until = answered_ + count; answered_ < until && failed_ == 0;) {
      std::this_thread::yield();
    }
  }

 private:
  void Count(const absl::Status& status) {
    ++(status.ok() ? answered_ : failed_);
    EXPECT_TRUE(status.ok()) << status;
  }
  void Run(const ClientOptions& options) {
    // A channel of the same arguments would share its connection with the one before.
    while (!stopped_) {
      ClientOptions fresh = options;
      fresh.max_response_bytes += next_++;
      Count(Client(fresh).GetModel().status());
    }
  }
  void RunOnOneConnection(const ClientOptions& options) {
    const Client client(options);
    while (!stopped_) Count(client.GetModel().status());
  }

  std::atomic<bool> stopped_{false};
  std::atomic<int> answered_{0};
  std::atomic<int> failed_{0};
  std::atomic<int> next_{1};
  std::vector<std::thread> callers_, steady_;
};

TEST_F(SecurityTest, CertificatesChangeUnderLoadWithoutAFailedCall) {
  const ServerProcess server("ex_1d.pt", TlsFlags());
  HandshakeLoad load(Options(server.address(), Trust()));
  load.AwaitMore(50);

  // A key without its certificate, and a certificate that has expired.
  folder_.Replace("key.pem", authority_.Issue().key);
  EXPECT_TRUE(server.AwaitError("is not the key of the certificate in "));
  load.AwaitMore(50);
  CertificateOptions expired;
  expired.ends = std::chrono::minutes(-1);
  WriteServer(authority_.Issue(expired));
  EXPECT_TRUE(server.AwaitError("the certificate expired at "));
  load.AwaitMore(50);

  // Good ones, of which the last has another name.
  WriteServer(authority_.Issue());
  CertificateOptions named;
  named.names = "DNS:localhost,IP:127.0.0.1,DNS:next.example";
  WriteServer(authority_.Issue(named));
  SecurityOptions next = Trust();
  next.server_name = "next.example";
  absl::Status status;
  Await([&] {
    status = Call(server.address(), next, absl::Seconds(2));
    return status.ok();
  });
  EXPECT_TRUE(status.ok()) << status;
  load.AwaitMore(50);
  load.Stop();
  EXPECT_EQ(load.failed(), 0);
  RecordProperty("calls", load.answered());
}

TEST_F(SecurityTest, AsksForATokenForAllButHealth) {
  const std::string list = folder_.Replace("tokens.json", TokenList(kCaller));
  std::vector<std::string> flags = TlsFlags();
  flags.push_back("--token_file=" + list);
  ServerProcess server("ex_1d.pt", flags);
  SecurityOptions security = Trust();

  const absl::Status missing = Call(server.address(), security);
  EXPECT_EQ(missing.code(), absl::StatusCode::kUnauthenticated);
  EXPECT_EQ(missing.message(),
            "expected the metadata 'authorization: Bearer TOKEN' with a token of this server");
  EXPECT_EQ(*Client(Options(server.address(), security)).Health(), ServingStatus::kServing);

  security.token_file = folder_.Replace("token", std::string(kNextCaller) + "\n");
  EXPECT_EQ(Call(server.address(), security), missing);
  security.token_file = folder_.Replace("token", std::string(kCaller) + "\n");
  EXPECT_TRUE(Call(server.address(), security).ok());
  server.Signal(SIGTERM);
  EXPECT_EQ(server.Wait(), 0);
  EXPECT_THAT(server.errors(), testing::Not(HasSubstr(kCaller)));
}

TEST_F(SecurityTest, WhatIsNotThereNeedsATokenToo) {
  const std::string list = folder_.Replace("tokens.json", TokenList(kCaller));
  const ServerProcess server("ex_1d.pt", {"--token_file=" + list});
  const auto channel = ConnectedChannel(server.address());
  for (const char* method :
       {"/mdn.v1.MdnService/Predict", "/mdn.v1.MdnService/Sample",
        "/mdn.v1.MdnService/LogLikelihood", "/mdn.v1.MdnService/GetModel",
        "/mdn.v1.MdnService/ListModels", "/mdn.v1.MdnService/Stream",
        "/mdn.v1.ModelRepositoryService/Index", "/mdn.v1.ModelRepositoryService/Load",
        "/mdn.v1.ModelRepositoryService/Unload", "/mdn.v1.MdnService/Nothing",
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", "/no.such.Service/Call",
        "/grpc.health.v1.Health/Nothing"}) {
    for (const char* token : {"", kNextCaller}) {
      const grpc::Status status = CallByName(channel, method, token);
      EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAUTHENTICATED) << method;
      EXPECT_EQ(status.error_message(),
                "expected the metadata 'authorization: Bearer TOKEN' with a token of this server");
    }
  }
  for (const char* method : {"/mdn.v1.MdnService/Nothing", "/no.such.Service/Call",
                             "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"}) {
    EXPECT_EQ(CallByName(channel, method, kCaller).error_code(), grpc::StatusCode::UNIMPLEMENTED)
        << method;
  }
  for (const char* method :
       {"/mdn.v1.ModelRepositoryService/Load", "/mdn.v1.ModelRepositoryService/Unload"}) {
    EXPECT_EQ(CallByName(channel, method, kCaller).error_code(),
              grpc::StatusCode::PERMISSION_DENIED)
        << method;
  }
}

TEST_F(SecurityTest, TokensOfServerAndClientChangeWhileTheyRun) {
  const std::string list = folder_.Replace("tokens.json", TokenList(kCaller));
  MonitoredServer server({"--token_file=" + list});
  SecurityOptions security;
  security.token_file = folder_.Replace("token", kCaller);
  const Client client(Options(server.process().address(), security));
  EXPECT_TRUE(client.GetModel().ok());

  folder_.Replace("tokens.json", TokenList(kNextCaller));
  const auto await = [&](absl::StatusCode code) {
    return Await([&] { return client.GetModel().status().code() == code; });
  };
  EXPECT_TRUE(await(absl::StatusCode::kUnauthenticated));
  folder_.Replace("token", kNextCaller);
  EXPECT_TRUE(await(absl::StatusCode::kOk));

  const auto reloads = [&server](const std::string& result) {
    return server.Metric("mdn_credential_reloads_total{credential=\"tokens\",result=\"" + result +
                         "\"}");
  };
  folder_.Replace("tokens.json", "no tokens");
  EXPECT_TRUE(Await([&] { return reloads("refused") == 1; }));
  EXPECT_EQ(reloads("taken"), 1);
  EXPECT_TRUE(client.GetModel().ok());
}

/// A stream of the bearer of a token.
class BearersStream {
 public:
  BearersStream(const std::string& address, const std::string& token)
      : stub_(v1::MdnService::NewStub(ConnectedChannel(address))) {
    context_.AddMetadata("authorization", "Bearer " + token);
    stream_ = stub_->Stream(&context_);
  }
  /// Whether a request is answered; else the stream has ended.
  bool Ask() {
    v1::StreamRequest message;
    v1::StreamedRequest& request = *message.add_requests();
    request.set_id(1);
    request.mutable_predict()->mutable_x()->add_shape(1);
    request.mutable_predict()->mutable_x()->add_values(0.5f);
    v1::StreamResponse response;
    return stream_->Write(message) && stream_->Read(&response) && response.responses(0).id() == 1;
  }
  grpc::Status Finish() { return stream_->Finish(); }

 private:
  const std::unique_ptr<v1::MdnService::Stub> stub_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::StreamRequest, v1::StreamResponse>> stream_;
};

TEST_F(SecurityTest, AStreamEndsAtItsFirstMessageAfterItsTokenHasGone) {
  const std::string list =
      folder_.Replace("tokens.json",
                      R"({"caller": {"token": "0123456789abcdef-caller", "roles": ["call"]},
          "stays": {"token": "0123456789abcdef-next-caller", "roles": ["call"]}})");
  const ServerProcess server("ex_1d.pt", {"--token_file=" + list});
  BearersStream stream(server.address(), kCaller);
  BearersStream other(server.address(), kNextCaller);
  EXPECT_TRUE(stream.Ask());
  EXPECT_TRUE(other.Ask());
  EXPECT_TRUE(stream.Ask());
  folder_.Replace("tokens.json", TokenList(kNextCaller));
  EXPECT_TRUE(server.AwaitError("the list of tokens was read again"));
  EXPECT_TRUE(Await([&] { return !stream.Ask(); }));
  EXPECT_EQ(stream.Finish().error_code(), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_TRUE(other.Ask());
}

TEST_F(SecurityTest, SaysThatANetworkCanListen) {
  ServerProcess server("ex_1d.pt", {"--listen=0.0.0.0:0"});
  server.Signal(SIGTERM);
  EXPECT_EQ(server.Wait(), 0);
  EXPECT_THAT(server.errors(), HasSubstr("0.0.0.0:0 is served without TLS"));
  EXPECT_THAT(server.errors(), HasSubstr("0.0.0.0:0 is open to everybody who reaches it"));
}

TEST_F(SecurityTest, AUnixSocketNeedsNoTls) {
  std::vector<std::string> flags = TlsFlags();
  flags.push_back("--listen=unix:" + folder_.Path("socket"));
  const ServerProcess server("ex_1d.pt", flags);
  EXPECT_TRUE(Call(server.address(), {}).ok());
}

}  // namespace
}  // namespace mdn

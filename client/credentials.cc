#include "client/credentials.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_credentials_options.h>
#include <grpcpp/support/client_interceptor.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace mdn::client_internal {
namespace {

constexpr std::chrono::seconds kReadAgainAfter(1);
constexpr unsigned int kRefreshSeconds = 1;

/// The file's first bytes. NOT_FOUND: it cannot be read. INVALID_ARGUMENT: it is no regular file,
/// as which it could block, or give its bytes only once.
absl::StatusOr<std::string> ReadAtMost(const std::string& path, std::streamsize max_bytes) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status)) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": is no regular file"));
  }
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  std::string text(max_bytes, '\0');
  file.read(text.data(), max_bytes);
  if (!file.is_open() || file.bad()) {
    return absl::NotFoundError(absl::StrCat(path, ": cannot be read: ", std::strerror(errno)));
  }
  text.resize(file.gcount());
  return text;
}

/// The status, with the setting's name before its message.
absl::Status Named(absl::string_view setting, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat(setting, ": ", status.message()));
}

absl::StatusOr<std::string> ReadToken(const std::string& path) {
  constexpr std::streamsize kMaxBytes = 4096;
  absl::StatusOr<std::string> text = ReadAtMost(path, kMaxBytes);
  if (!text.ok()) return Named("token_file", text.status());
  absl::StripAsciiWhitespace(&*text);
  if (text->empty() || text->size() >= kMaxBytes - 1 ||
      !std::all_of(text->begin(), text->end(), absl::ascii_isgraph)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "token_file: ", path, ": expected a token, of printable characters, and nothing else"));
  }
  return text;
}

/// gRPC aborts the process for a file that opens but cannot be read, and does not say which one it
/// cannot use.
absl::Status CheckPem(absl::string_view setting, const std::string& path, absl::string_view kind,
                      absl::string_view mark) {
  constexpr std::streamsize kMaxBytes = 1 << 20;
  if (path.empty()) return absl::OkStatus();
  const absl::StatusOr<std::string> text = ReadAtMost(path, kMaxBytes);
  if (!text.ok()) return Named(setting, text.status());
  if (absl::StrContains(*text, mark)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(setting, ": ", path, ": has no ", kind, " in PEM form"));
}

absl::Status Check(const SecurityOptions& options) {
  if (options.certificate_file.empty() != options.key_file.empty()) {
    return absl::InvalidArgumentError(
        "a client's certificate needs its key, and a key its certificate");
  }
  constexpr absl::string_view kCertificate = "CERTIFICATE-----";
  absl::Status status = CheckPem("tls_ca", options.ca_file, "certificate", kCertificate);
  if (status.ok()) {
    status = CheckPem("tls_cert", options.certificate_file, "certificate", kCertificate);
  }
  if (status.ok()) {
    status = CheckPem("tls_key", options.key_file, "private key", "PRIVATE KEY-----");
  }
  return status;
}

std::shared_ptr<grpc::ChannelCredentials> TlsCredentials(const SecurityOptions& options) {
  grpc::experimental::TlsChannelCredentialsOptions tls;
  if (!options.ca_file.empty() || !options.certificate_file.empty()) {
    tls.set_certificate_provider(
        std::make_shared<grpc::experimental::FileWatcherCertificateProvider>(
            options.key_file, options.certificate_file, options.ca_file, kRefreshSeconds));
  }
  if (!options.ca_file.empty()) tls.watch_root_certs();
  if (!options.certificate_file.empty()) tls.watch_identity_key_cert_pairs();
  return grpc::experimental::TlsCredentials(tls);
}

class TokenBearer final : public grpc::experimental::Interceptor {
 public:
  explicit TokenBearer(std::shared_ptr<TokenFile> token) : token_(std::move(token)) {}

  void Intercept(grpc::experimental::InterceptorBatchMethods* methods) override {
    if (methods->QueryInterceptionHookPoint(
            grpc::experimental::InterceptionHookPoints::PRE_SEND_INITIAL_METADATA)) {
      // Without a token the server says what is missing.
      if (auto authorization = token_->Authorization(); authorization.ok()) {
        methods->GetSendInitialMetadata()->emplace("authorization", *std::move(authorization));
      }
    }
    methods->Proceed();
  }

 private:
  const std::shared_ptr<TokenFile> token_;
};

class TokenBearerFactory final : public grpc::experimental::ClientInterceptorFactoryInterface {
 public:
  explicit TokenBearerFactory(std::shared_ptr<TokenFile> token) : token_(std::move(token)) {}
  grpc::experimental::Interceptor* CreateClientInterceptor(
      grpc::experimental::ClientRpcInfo* /*call*/) override {
    return new TokenBearer(token_);
  }

 private:
  const std::shared_ptr<TokenFile> token_;
};

}  // namespace

absl::StatusOr<std::string> TokenFile::Authorization() {
  const auto now = std::chrono::steady_clock::now();
  const std::lock_guard<std::mutex> lock(mutex_);
  if (now >= next_read_) {
    const absl::StatusOr<std::string> token = ReadToken(path_);
    if (!token.ok() && authorization_.empty()) return token.status();
    if (token.ok()) authorization_ = absl::StrCat("Bearer ", *token);
    next_read_ = now + kReadAgainAfter;
  }
  return authorization_;
}

absl::StatusOr<Credentials> Credentials::Load(const SecurityOptions& options) {
  if (absl::Status status = Check(options); !status.ok()) return status;
  Credentials credentials;
  credentials.server_name_ = options.server_name;
  const bool tls = options.tls || !options.ca_file.empty() || !options.certificate_file.empty() ||
                   !options.server_name.empty();
  credentials.channel_credentials_ =
      tls ? TlsCredentials(options) : grpc::InsecureChannelCredentials();
  if (options.token_file.empty()) return credentials;
  credentials.token_ = std::make_shared<TokenFile>(options.token_file);
  if (auto token = credentials.token_->Authorization(); !token.ok()) return token.status();
  return credentials;
}

std::shared_ptr<grpc::Channel> Credentials::OpenChannel(const std::string& target,
                                                        grpc::ChannelArguments arguments) const {
  if (!server_name_.empty()) arguments.SetSslTargetNameOverride(server_name_);
  std::vector<std::unique_ptr<grpc::experimental::ClientInterceptorFactoryInterface>> interceptors;
  if (token_ != nullptr) interceptors.push_back(std::make_unique<TokenBearerFactory>(token_));
  return grpc::experimental::CreateCustomChannelWithInterceptors(
      target, channel_credentials_, arguments, std::move(interceptors));
}

}  // namespace mdn::client_internal

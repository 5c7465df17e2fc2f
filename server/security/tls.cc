#include "server/security/tls.h"

#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <ctime>
#include <utility>

#include "absl/strings/str_cat.h"

namespace mdn {
namespace {

template <auto kFree>
struct Free {
  template <class T>
  void operator()(T* object) const {
    kFree(object);
  }
};
using Certificate = std::unique_ptr<X509, Free<X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>>;
using Context = std::unique_ptr<SSL_CTX, Free<SSL_CTX_free>>;

/// Of a key's file that has one; OpenSSL would ask the terminal.
int NoPassword(char* /*buffer*/, int /*size*/, int /*writing*/, void* /*data*/) { return 0; }

/// Calls one of OpenSSL's readers, such as PEM_read_bio_X509.
template <class Read>
auto FromPem(const std::string& text, Read read) {
  const std::unique_ptr<BIO, Free<BIO_free>> memory(
      BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  auto* const object = read(memory.get(), nullptr, NoPassword, nullptr);
  ERR_clear_error();
  return object;
}

absl::Status Refusal(const std::string& file, absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat(file, ": ", why));
}

absl::Status CheckDates(const std::string& file, const X509& certificate, absl::Time now) {
  std::tm begin{};
  std::tm end{};
  if (ASN1_TIME_to_tm(X509_get0_notBefore(&certificate), &begin) != 1 ||
      ASN1_TIME_to_tm(X509_get0_notAfter(&certificate), &end) != 1) {
    return Refusal(file, "the certificate has no dates that can be read");
  }
  const absl::TimeZone utc = absl::UTCTimeZone();
  if (now < absl::FromTM(begin, utc)) {
    return Refusal(file, absl::StrCat("the certificate is not valid before ",
                                      absl::FormatTime(absl::FromTM(begin, utc), utc)));
  }
  if (now > absl::FromTM(end, utc)) {
    return Refusal(file, absl::StrCat("the certificate expired at ",
                                      absl::FormatTime(absl::FromTM(end, utc), utc)));
  }
  return absl::OkStatus();
}

absl::Status CheckPair(const TlsFiles& files, const TlsIdentity& identity, absl::Time now) {
  const Certificate certificate(FromPem(identity.certificate, PEM_read_bio_X509));
  if (certificate == nullptr) {
    return Refusal(files.certificate, "has no certificate in PEM form");
  }
  const Key key(FromPem(identity.key, PEM_read_bio_PrivateKey));
  if (key == nullptr) {
    return Refusal(files.key, "has no private key in PEM form that needs no password");
  }
  if (X509_check_private_key(certificate.get(), key.get()) != 1) {
    ERR_clear_error();
    return Refusal(files.key,
                   absl::StrCat("is not the key of the certificate in ", files.certificate));
  }
  const Context context(SSL_CTX_new(TLS_method()));
  if (SSL_CTX_use_certificate(context.get(), certificate.get()) != 1) {
    ERR_clear_error();
    return Refusal(files.certificate, "OpenSSL does not take the certificate: its key is too weak");
  }
  return CheckDates(files.certificate, *certificate, now);
}

/// gRPC's own class of secure credentials takes certificates only once.
class ReloadingCredentials final : public grpc::ServerCredentials {
 public:
  explicit ReloadingCredentials(std::shared_ptr<const Reloaded<TlsIdentity>> identity)
      : identity_(std::move(identity)) {
    const auto request = identity_->current()->client_ca.empty()
                             ? GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE
                             : GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY;
    credentials_ = grpc_ssl_server_credentials_create_with_options(
        grpc_ssl_server_credentials_create_options_using_config_fetcher(request, Fetch, this));
  }
  ~ReloadingCredentials() override { grpc_server_credentials_release(credentials_); }
  ReloadingCredentials(const ReloadingCredentials&) = delete;
  ReloadingCredentials& operator=(const ReloadingCredentials&) = delete;

  void SetAuthMetadataProcessor(
      const std::shared_ptr<grpc::AuthMetadataProcessor>& /*processor*/) override {}

 private:
  int AddPortToServer(const std::string& address, grpc_server* server) override {
    return grpc_server_add_http2_port(server, address.c_str(), credentials_);
  }

  /// At each handshake, one after the other.
  static grpc_ssl_certificate_config_reload_status Fetch(
      void* self, grpc_ssl_server_certificate_config** config) {
    return static_cast<ReloadingCredentials*>(self)->FetchIfNew(config);
  }

  grpc_ssl_certificate_config_reload_status FetchIfNew(
      grpc_ssl_server_certificate_config** config) {
    auto latest = identity_->current();
    if (latest == in_use_) return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_UNCHANGED;
    const grpc_ssl_pem_key_cert_pair pair = {latest->key.c_str(), latest->certificate.c_str()};
    // gRPC demands some authorities even where no client is asked for a certificate.
    const std::string& authorities =
        latest->client_ca.empty() ? latest->certificate : latest->client_ca;
    *config = grpc_ssl_server_certificate_config_create(authorities.c_str(), &pair, 1);
    in_use_ = std::move(latest);
    return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_NEW;
  }

  const std::shared_ptr<const Reloaded<TlsIdentity>> identity_;
  std::shared_ptr<const TlsIdentity> in_use_;
  grpc_server_credentials* credentials_ = nullptr;
};

}  // namespace

absl::StatusOr<TlsIdentity> ReadTlsIdentity(const TlsFiles& files, absl::Time now) {
  TlsIdentity identity;
  for (const auto& [file, text] :
       {std::pair(&files.certificate, &identity.certificate), std::pair(&files.key, &identity.key),
        std::pair(&files.client_ca, &identity.client_ca)}) {
    if (file->empty()) continue;
    absl::StatusOr<std::string> contents = ReadCredentialFile(*file);
    if (!contents.ok()) return contents.status();
    *text = *std::move(contents);
  }
  if (absl::Status status = CheckPair(files, identity, now); !status.ok()) return status;
  if (!files.client_ca.empty() &&
      Certificate(FromPem(identity.client_ca, PEM_read_bio_X509)) == nullptr) {
    return Refusal(files.client_ca, "has no certificate in PEM form");
  }
  return identity;
}

std::shared_ptr<grpc::ServerCredentials> TlsCredentials(
    std::shared_ptr<const Reloaded<TlsIdentity>> identity) {
  return std::make_shared<ReloadingCredentials>(std::move(identity));
}

}  // namespace mdn

#ifndef MDN_TESTS_SUPPORT_CERTIFICATES_H_
#define MDN_TESTS_SUPPORT_CERTIFICATES_H_

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <chrono>
#include <memory>
#include <string>

namespace mdn {

/// A certificate and its key, as PEM.
struct Pem {
  std::string certificate;
  std::string key;
};

/// What a certificate says.
struct CertificateOptions {
  /// As OpenSSL's subjectAltName takes them.
  std::string names = "DNS:localhost,IP:127.0.0.1";
  /// From now.
  std::chrono::seconds begins = std::chrono::hours(-1);
  std::chrono::seconds ends = std::chrono::hours(1);
  /// A key so short that OpenSSL takes it for none.
  bool is_weak = false;
};

/// An authority of its own for each object. Throws where OpenSSL fails.
class CertificateAuthority {
 public:
  CertificateAuthority();
  /// Its own certificate, as PEM.
  const std::string& certificate() const { return pem_; }
  Pem Issue(const CertificateOptions& options = {}) const;

 private:
  std::shared_ptr<EVP_PKEY> key_;
  std::shared_ptr<X509> certificate_;
  std::string pem_;
};

}  // namespace mdn

#endif  // MDN_TESTS_SUPPORT_CERTIFICATES_H_

#include "tests/support/certificates.h"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include <stdexcept>

namespace mdn {
namespace {

void Require(bool done) {
  if (!done) throw std::runtime_error("OpenSSL failed to make a certificate");
}

std::shared_ptr<EVP_PKEY> NewKey() {
  std::shared_ptr<EVP_PKEY> key(EVP_EC_gen("P-256"), EVP_PKEY_free);
  Require(key != nullptr);
  return key;
}

std::shared_ptr<EVP_PKEY> NewWeakKey() {
  std::shared_ptr<EVP_PKEY> key(EVP_RSA_gen(1024), EVP_PKEY_free);
  Require(key != nullptr);
  return key;
}

void SetName(X509_NAME* name, const std::string& text) {
  Require(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                                     reinterpret_cast<const unsigned char*>(text.c_str()), -1, -1,
                                     0) == 1);
}

void AddExtension(X509* certificate, int kind, const std::string& value) {
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, kind, value.c_str());
  Require(extension != nullptr && X509_add_ext(certificate, extension, -1) == 1);
  X509_EXTENSION_free(extension);
}

std::shared_ptr<X509> NewCertificate(EVP_PKEY* key, const std::string& name,
                                     const CertificateOptions& options) {
  std::shared_ptr<X509> certificate(X509_new(), X509_free);
  Require(certificate != nullptr && X509_set_version(certificate.get(), X509_VERSION_3) == 1);
  uint64_t serial = 0;
  Require(RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof(serial)) == 1);
  ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate.get()), serial >> 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), options.begins.count());
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), options.ends.count());
  Require(X509_set_pubkey(certificate.get(), key) == 1);
  SetName(X509_get_subject_name(certificate.get()), name);
  return certificate;
}

template <class Write>
std::string ToPem(Write write) {
  const std::unique_ptr<BIO, void (*)(BIO*)> memory(BIO_new(BIO_s_mem()), BIO_free_all);
  Require(write(memory.get()) == 1);
  char* data = nullptr;
  const long size = BIO_get_mem_data(memory.get(), &data);
  return std::string(data, size);
}

std::string ToPem(X509* certificate) {
  return ToPem([certificate](BIO* bio) { return PEM_write_bio_X509(bio, certificate); });
}

}  // namespace

CertificateAuthority::CertificateAuthority()
    : key_(NewKey()), certificate_(NewCertificate(key_.get(), "test authority", {})) {
  AddExtension(certificate_.get(), NID_basic_constraints, "critical,CA:TRUE");
  X509_set_issuer_name(certificate_.get(), X509_get_subject_name(certificate_.get()));
  Require(X509_sign(certificate_.get(), key_.get(), EVP_sha256()) > 0);
  pem_ = ToPem(certificate_.get());
}

Pem CertificateAuthority::Issue(const CertificateOptions& options) const {
  const std::shared_ptr<EVP_PKEY> key = options.is_weak ? NewWeakKey() : NewKey();
  const std::shared_ptr<X509> certificate = NewCertificate(key.get(), "test peer", options);
  AddExtension(certificate.get(), NID_subject_alt_name, options.names);
  X509_set_issuer_name(certificate.get(), X509_get_subject_name(certificate_.get()));
  Require(X509_sign(certificate.get(), key_.get(), EVP_sha256()) > 0);
  return {ToPem(certificate.get()), ToPem([&key](BIO* bio) {
            return PEM_write_bio_PrivateKey(bio, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
          })};
}

}  // namespace mdn

#include "server/security/tls.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/time/clock.h"
#include "tests/support/certificates.h"
#include "tests/support/temporary_directory.h"

namespace mdn {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class TlsTest : public testing::Test {
 protected:
  TlsTest() { Write(authority_.Issue()); }

  void Write(const Pem& pem) const {
    folder_.Replace("cert.pem", pem.certificate);
    folder_.Replace("key.pem", pem.key);
  }
  absl::StatusOr<TlsIdentity> Read(absl::Time now = absl::Now()) const {
    return ReadTlsIdentity(files_, now);
  }
  std::string Refusal(absl::Time now = absl::Now()) const {
    const auto identity = Read(now);
    EXPECT_EQ(identity.status().code(), absl::StatusCode::kInvalidArgument);
    return std::string(identity.status().message());
  }

  const CertificateAuthority authority_;
  const TemporaryDirectory folder_;
  TlsFiles files_{folder_.Path("cert.pem"), folder_.Path("key.pem"), ""};
};

TEST_F(TlsTest, TakesAKeyThatIsTheCertificates) {
  const auto identity = Read();
  ASSERT_TRUE(identity.ok()) << identity.status();
  EXPECT_THAT(identity->certificate, StartsWith("-----BEGIN CERTIFICATE-----"));
  EXPECT_EQ(identity->client_ca, "");
}

TEST_F(TlsTest, RefusesTheKeyOfAnotherCertificate) {
  folder_.Replace("key.pem", authority_.Issue().key);
  EXPECT_EQ(Refusal(), files_.key + ": is not the key of the certificate in " + files_.certificate);
}

TEST_F(TlsTest, RefusesACertificateThatIsNotValidNow) {
  EXPECT_THAT(Refusal(absl::Now() + absl::Hours(2)),
              StartsWith(files_.certificate + ": the certificate expired at "));
  EXPECT_THAT(Refusal(absl::Now() - absl::Hours(2)),
              StartsWith(files_.certificate + ": the certificate is not valid before "));
}

TEST_F(TlsTest, RefusesAKeyThatIsTooWeak) {
  CertificateOptions options;
  options.is_weak = true;
  const Pem weak = authority_.Issue(options);
  folder_.Replace("cert.pem", weak.certificate);
  folder_.Replace("key.pem", weak.key);
  EXPECT_EQ(Refusal(),
            files_.certificate + ": OpenSSL does not take the certificate: its key is too weak");
}

TEST_F(TlsTest, RefusesWhatIsNoPem) {
  files_.client_ca = folder_.Replace("ca.pem", "authority");
  EXPECT_EQ(Refusal(), files_.client_ca + ": has no certificate in PEM form");
  folder_.Replace("key.pem", "key");
  EXPECT_EQ(Refusal(), files_.key + ": has no private key in PEM form that needs no password");
  folder_.Replace("cert.pem", authority_.certificate().substr(0, 100));
  EXPECT_EQ(Refusal(), files_.certificate + ": has no certificate in PEM form");
}

TEST_F(TlsTest, NamesTheFileThatIsMissing) {
  files_.client_ca = folder_.Path("none.pem");
  const auto identity = Read();
  EXPECT_EQ(identity.status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(identity.status().message(),
            files_.client_ca + ": cannot open it: No such file or directory");
}

TEST_F(TlsTest, ABrokenPairNeverReplacesAGoodOne) {
  const auto reloaded = Reloaded<TlsIdentity>::Load("the certificate", [this] { return Read(); });
  ASSERT_TRUE(reloaded.ok()) << reloaded.status();
  const auto first = (*reloaded)->current();
  (*reloaded)->Refresh();
  EXPECT_EQ((*reloaded)->current(), first);

  const Pem next = authority_.Issue();
  folder_.Replace("cert.pem", next.certificate);  // Copied one after the other.
  (*reloaded)->Refresh();
  EXPECT_EQ((*reloaded)->current(), first);
  folder_.Replace("key.pem", next.key);
  (*reloaded)->Refresh();
  EXPECT_EQ((*reloaded)->current()->certificate, next.certificate);
}

}  // namespace
}  // namespace mdn

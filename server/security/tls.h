#ifndef MDN_SERVER_SECURITY_TLS_H_
#define MDN_SERVER_SECURITY_TLS_H_

#include <grpcpp/security/server_credentials.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/security/credential_file.h"

namespace mdn {

/// PEM files.
struct TlsFiles {
  /// The server's certificate, then those of the authorities between it and the root.
  std::string certificate;
  std::string key;
  /// Empty: clients need no certificate.
  std::string client_ca;
};

/// What the files hold, checked: the key is the certificate's, which is valid for now.
struct TlsIdentity {
  std::string certificate;
  std::string key;
  std::string client_ca;

  bool operator==(const TlsIdentity& other) const {
    return certificate == other.certificate && key == other.key && client_ca == other.client_ca;
  }
};

/// NOT_FOUND, PERMISSION_DENIED: a file cannot be read. INVALID_ARGUMENT: no certificate or key can
/// be made of it, the two do not belong together, or the certificate is not valid at `now`. Both
/// name the file.
absl::StatusOr<TlsIdentity> ReadTlsIdentity(const TlsFiles& files, absl::Time now);

/// TLS 1.2 or 1.3 for one address, not for two, with what `identity` holds at each handshake:
/// gRPC's own watcher of files would take a key that does not belong to the certificate, with which
/// every handshake fails. A client's certificate is demanded where the identity has a client_ca at
/// first.
/// Unlike other credentials these must outlive the server that uses them.
std::shared_ptr<grpc::ServerCredentials> TlsCredentials(
    std::shared_ptr<const Reloaded<TlsIdentity>> identity);

}  // namespace mdn

#endif  // MDN_SERVER_SECURITY_TLS_H_

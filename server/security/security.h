#ifndef MDN_SERVER_SECURITY_SECURITY_H_
#define MDN_SERVER_SECURITY_SECURITY_H_

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "absl/status/statusor.h"
#include "server/security/access.h"
#include "server/security/tls.h"

namespace mdn {

/// Files of credentials, each of them or none.
struct SecurityFiles {
  TlsFiles tls;
  std::string tokens;
};

/// What the server's credential files hold, which it looks at every second. Thread-safe.
class Security {
 public:
  /// Errors as for ReadTlsIdentity and Tokens::Read.
  static absl::StatusOr<std::unique_ptr<Security>> Load(const SecurityFiles& files);
  ~Security();

  /// Null where there is no certificate.
  const std::shared_ptr<Reloaded<TlsIdentity>>& tls() const { return tls_; }
  /// Null where there are no tokens.
  const std::shared_ptr<Reloaded<Tokens>>& tokens() const { return tokens_; }

 private:
  Security() = default;
  void Watch();

  std::shared_ptr<Reloaded<TlsIdentity>> tls_;
  std::shared_ptr<Reloaded<Tokens>> tokens_;

  std::mutex mutex_;
  std::condition_variable ended_;
  bool ending_ = false;  // Guarded by mutex_.
  std::thread watcher_;
};

}  // namespace mdn

#endif  // MDN_SERVER_SECURITY_SECURITY_H_

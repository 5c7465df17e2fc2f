#ifndef MDN_CLIENT_CREDENTIALS_H_
#define MDN_CLIENT_CREDENTIALS_H_

#include <grpcpp/channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>

#include <chrono>
#include <memory>
#include <mutex>
#include <string>

#include "absl/status/statusor.h"
#include "mdn/security.h"

namespace mdn::client_internal {

/// The token of a file, which is read again after a second. Thread-safe.
class TokenFile {
 public:
  explicit TokenFile(std::string path) : path_(std::move(path)) {}

  /// "Bearer TOKEN". A file that cannot be read, or holds no token, changes nothing. NOT_FOUND or
  /// INVALID_ARGUMENT: it never held one.
  absl::StatusOr<std::string> Authorization();

 private:
  const std::string path_;
  std::mutex mutex_;
  // Guarded by mutex_.
  std::string authorization_;
  std::chrono::steady_clock::time_point next_read_;
};

/// What SecurityOptions stand for. Thread-safe.
class Credentials {
 public:
  /// NOT_FOUND: a file cannot be read. INVALID_ARGUMENT: the options do not fit together, or a file
  /// holds no token.
  static absl::StatusOr<Credentials> Load(const SecurityOptions& options);

  /// A channel whose calls, of any kind, bear them.
  std::shared_ptr<grpc::Channel> OpenChannel(const std::string& target,
                                             grpc::ChannelArguments arguments) const;

 private:
  std::shared_ptr<grpc::ChannelCredentials> channel_credentials_;
  std::string server_name_;
  std::shared_ptr<TokenFile> token_;
};

}  // namespace mdn::client_internal

#endif  // MDN_CLIENT_CREDENTIALS_H_

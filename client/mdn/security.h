#ifndef MDN_SECURITY_H_
#define MDN_SECURITY_H_

#include <string>

namespace mdn {

/// How a client and its servers know each other. Files are read again when they change, and must be
/// regular ones, or links to them: no pipes. Errors name them as the tool's flags do: tls_ca,
/// tls_cert, tls_key, token_file.
struct SecurityOptions {
  /// TLS, as soon as one of the four below is set too.
  bool tls = false;
  /// A PEM file of the authorities that servers' certificates may come from; the system's if empty.
  std::string ca_file;
  /// PEM files of the client's own certificate and its key, for servers that demand one.
  std::string certificate_file;
  std::string key_file;
  /// The name that servers' certificates must have, instead of that of their address.
  std::string server_name;

  /// A file that holds nothing but a token, which is sent with every call; without TLS, readable to
  /// the network.
  std::string token_file;
};

}  // namespace mdn

#endif  // MDN_SECURITY_H_

#ifndef MDN_SERVER_CONNECTIONS_LISTENING_SOCKET_H_
#define MDN_SERVER_CONNECTIONS_LISTENING_SOCKET_H_

#include <sys/types.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "server/connections/file_descriptor.h"

namespace mdn {

/// Whether others may listen at the same address of TCP.
enum class PortUse {
  kAlone,
  /// Processes of the same user that all say so: the kernel gives each connection to one of them.
  kShared,
};

/// Where connections come in until this object ends; the file of a Unix socket goes with it.
/// Thread-compatible.
class ListeningSocket {
 public:
  /// For HOST:PORT one socket for each address that HOST stands for, on the same port, which is a
  /// free one where PORT is 0; 0.0.0.0 and [::] stand for all addresses of either version of IP.
  /// For unix:PATH one, in the place of a socket that nobody serves any more. Of several
  /// processes that try that at once one has it. UNAVAILABLE, with the reason, where the address is
  /// taken or none of those can be had.
  static absl::StatusOr<std::vector<ListeningSocket>> Open(const std::string& address,
                                                           PortUse use = PortUse::kAlone);

  /// `path`: the file of a Unix socket, or nothing.
  explicit ListeningSocket(FileDescriptor socket, std::string path = "");
  ListeningSocket(ListeningSocket&& other) = default;
  ~ListeningSocket();

  /// Does not block.
  int descriptor() const { return socket_.number(); }
  /// 0 for a Unix socket.
  int port() const;

 private:
  FileDescriptor socket_;
  std::string path_;
  /// Of the file: another one may stand there in the end.
  ino_t inode_ = 0;
};

/// The two parts of HOST:PORT, the host without its brackets.
std::pair<std::string, std::string> HostAndPort(const std::string& address);

}  // namespace mdn

#endif  // MDN_SERVER_CONNECTIONS_LISTENING_SOCKET_H_

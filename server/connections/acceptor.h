#ifndef MDN_SERVER_CONNECTIONS_ACCEPTOR_H_
#define MDN_SERVER_CONNECTIONS_ACCEPTOR_H_

#include <functional>
#include <thread>
#include <vector>

#include "absl/strings/string_view.h"
#include "server/connections/file_descriptor.h"
#include "server/connections/listening_socket.h"
#include "server/connections/open_connections.h"

namespace mdn {

/// Accepts connections on a thread of its own. gRPC's listener never accepts again once the process
/// has run out of descriptors, and knows no bound. Here those beyond the bound, or beyond the
/// descriptors that there are, are closed at once, so that their peers know, and the next one is
/// accepted as soon as there is room. Start and destruction belong to one thread.
class Acceptor {
 public:
  struct Listener {
    ListeningSocket socket;
    /// Takes over a connection's descriptor, which does not block. Called on the acceptor's thread.
    std::function<void(int descriptor)> take;
  };

  /// `connections` outlives the acceptor.
  Acceptor(std::vector<Listener> listeners, OpenConnections& connections);
  /// From here on nobody listens, and connections that nobody has taken yet are reset.
  ~Acceptor();

 private:
  using Time = OpenConnections::Time;

  void Run();
  bool AcceptOne(const Listener& listener);
  bool RefuseOne(const Listener& listener, int shortage);
  bool Recover(int error);
  void Warn(absl::string_view why);

  std::vector<Listener> listeners_;
  OpenConnections& connections_;
  /// Closed to accept, and refuse, a connection for which there is no other.
  FileDescriptor spare_;
  Time next_warning_;
  /// An event that ends the thread.
  FileDescriptor end_;
  std::thread thread_;
};

}  // namespace mdn

#endif  // MDN_SERVER_CONNECTIONS_ACCEPTOR_H_

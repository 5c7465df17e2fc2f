#ifndef MDN_TESTS_INTEGRATION_REPLICA_H_
#define MDN_TESTS_INTEGRATION_REPLICA_H_

#include <memory>
#include <string>
#include <vector>

#include "tests/support/child_process.h"

namespace mdn {

/// An address of this machine that no other process uses, nor gRPC for a connection: a server can
/// be taken away from it and come back. Ports are chosen by the caller.
std::string LoopbackHost();

/// An mdn_server that ends and comes back at one address. Its model is ex_1d, under the replica's
/// name, so that answers tell who gave them.
class Replica {
 public:
  Replica(std::string name, const std::string& address, std::vector<std::string> flags = {});

  const std::string& name() const { return name_; }
  const std::string& address() const { return address_; }
  ServerProcess& process() { return *process_; }

  /// Returns when it listens.
  void Start();
  /// Sends the signal and waits for the end; what ChildProcess::Wait says.
  int End(int signal);

 private:
  const std::string name_;
  const std::string address_;
  const std::vector<std::string> flags_;
  std::unique_ptr<ServerProcess> process_;
};

/// HAProxy with deploy/haproxy.cfg before two replicas.
class Proxy {
 public:
  Proxy(std::string address, const Replica& one, const Replica& two);
  const std::string& address() const { return address_; }
  /// What it says of its servers.
  std::string log() const { return process_.errors(); }

  /// Whether the test can run.
  static bool IsInstalled();

 private:
  const std::string address_;
  const ChildProcess process_;
};

}  // namespace mdn

#endif  // MDN_TESTS_INTEGRATION_REPLICA_H_

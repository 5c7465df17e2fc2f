#ifndef MDN_SERVER_SERVER_H_
#define MDN_SERVER_SERVER_H_

#include <grpcpp/generic/async_generic_service.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/connections/acceptor.h"
#include "server/connections/open_connections.h"
#include "server/connections/peer_guard.h"
#include "server/limits.h"
#include "server/log/access_log.h"
#include "server/observability/rpc_metrics.h"
#include "server/repository/model_repository.h"
#include "server/rpc/call.h"
#include "server/rpc/health_service.h"
#include "server/rpc/mdn_service.h"
#include "server/rpc/model_repository_service.h"
#include "server/rpc/polling_places.h"
#include "server/security/access.h"
#include "server/security/tls.h"

namespace mdn {

/// The gRPC server: listeners, services, and the threads that poll them. Start and Drain belong to
/// one thread.
class Server {
 public:
  struct Options {
    /// HOST:PORT or unix:PATH each.
    std::vector<std::string> listen;
    PortUse port_use = PortUse::kAlone;
    Limits limits;
    int max_inflight_requests = 1024;
    /// Fewer where ConnectionLimit says so.
    ConnectionLimits connections;
    /// Of requests and responses together; at least four of the largest messages fit. Streams may
    /// hold half as much besides.
    int64_t max_inflight_bytes = int64_t{256} << 20;
    /// Threads that receive calls and evaluate them at the same time: one for each processor. One
    /// more takes over from one that evaluates for long. On one processor this costs a small model
    /// 11.2 us of CPU a request where two that always receive cost 12.7, and H = 1024, with 64
    /// calls under way, which then make larger batches, 65 us where those cost 107. On 8 processors
    /// 8 of them answer 152,000 calls/s of H = 50 at 46 us each, an echo 170,000 at 36: in gRPC
    /// 1.51 each event goes from thread to thread. 8 processes of one thread that share the port
    /// answer 371,000 at 18 us.
    int pollers = 1;
    /// For the addresses of TCP: a Unix socket is reached by this machine's own processes only.
    std::shared_ptr<const Reloaded<TlsIdentity>> tls;
    AccessLog access_log;
    /// Who may call models. Health is told to everybody.
    Access access;
    absl::Duration drain_timeout = absl::Seconds(20);
    /// Loads and unloads; outlives the server. nullptr: there is no directory of models.
    RepositoryKeeper* keeper = nullptr;
    /// Where no tokens say who may load and unload: whoever may call.
    bool open_administration = false;
  };

  /// Serves the models of `repository`, which must outlive the server, and tells their health.
  /// UNAVAILABLE: an address cannot be had; the message names it and why.
  static absl::StatusOr<std::unique_ptr<Server>> Start(const Options& options,
                                                       ModelRepository& repository);
  ~Server();

  /// As given in the options, with the ports that were picked.
  const std::vector<std::string>& addresses() const { return addresses_; }

  const RpcMetrics& rpc_metrics() const { return rpc_metrics_; }
  const OpenConnections& connections() const { return connections_; }
  /// What health says of the server as a whole.
  bool IsServing() const {
    return health_service_.Status("") == grpc::health::v1::HealthCheckResponse::SERVING;
  }

  /// Health turns NOT_SERVING for good; calls are taken as before.
  void StopServing() { health_service_.StopServing(); }
  /// StopServing; then calls that come are refused as UNAVAILABLE, and those in flight end, if
  /// within drain_timeout then as if nothing had happened. Returns when none is left.
  void Drain();

 private:
  Server(const Options& options, ModelRepository& repository);
  absl::Status Build();
  void TellHealth(const ServedModels& models);
  std::shared_ptr<grpc::ServerCredentials> Credentials(const std::string& address) const;
  /// At all addresses, for connections that the server which is built will serve.
  absl::StatusOr<std::vector<Acceptor::Listener>> Listen(grpc::ServerBuilder& builder);
  void Poll();
  void EndCalls();

  const Options options_;
  ModelRepository& repository_;
  RpcMetrics rpc_metrics_;
  OpenConnections connections_;
  CallGate gate_;
  /// Health is answered to the very end.
  CallGate check_gate_, watch_gate_;
  /// Streams have one of their own: those that are open take no unary call's place, nor its memory.
  CallGate stream_gate_;
  CallGate administration_gate_;
  CallGate unknown_gate_;
  MdnService mdn_service_;
  ModelRepositoryService repository_service_;
  HealthService health_service_;
  grpc::AsyncGenericService unknown_service_;
  std::unique_ptr<grpc::ServerCompletionQueue> queue_;
  std::unique_ptr<CallEndpoint<MdnService>> mdn_endpoint_, stream_endpoint_;
  std::unique_ptr<CallEndpoint<ModelRepositoryService>> repository_endpoint_,
      administration_endpoint_;
  std::unique_ptr<CallEndpoint<HealthService>> check_endpoint_, watch_endpoint_;
  std::unique_ptr<CallEndpoint<grpc::AsyncGenericService>> unknown_endpoint_;
  /// Of each address; TLS asks them at every handshake.
  std::vector<std::shared_ptr<grpc::ServerCredentials>> credentials_;
  std::unique_ptr<grpc::Server> server_;
  std::vector<std::string> addresses_;
  std::unique_ptr<Acceptor> acceptor_;
  std::unique_ptr<PeerGuard> peer_guard_;
  PollingPlaces places_;
  std::vector<std::thread> pollers_;
};

}  // namespace mdn

#endif  // MDN_SERVER_SERVER_H_

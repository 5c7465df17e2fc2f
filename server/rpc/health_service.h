#ifndef MDN_SERVER_RPC_HEALTH_SERVICE_H_
#define MDN_SERVER_RPC_HEALTH_SERVICE_H_

#include <grpcpp/grpcpp.h>

#include <map>
#include <mutex>
#include <string>

#include "grpc/health/v1/health.grpc.pb.h"
#include "server/rpc/call.h"

namespace mdn {

/// grpc.health.v1.Health. Unlike gRPC's own service it ends its watches when the server drains,
/// which would otherwise hold the shutdown to its deadline. Thread-safe.
class HealthService {
 public:
  using ServingStatus = grpc::health::v1::HealthCheckResponse::ServingStatus;

  /// Told of every change of one service; called without delay, under HealthService's lock.
  class Watcher {
   public:
    virtual void Changed(ServingStatus status) = 0;
    /// The server drains: no change will follow.
    virtual void End() = 0;

   protected:
    ~Watcher() = default;
  };

  grpc::Service& grpc_service() { return async_service_; }
  UnaryMethods<grpc::health::v1::Health::AsyncService>& async_service() { return async_service_; }

  /// See MdnService::Listen. Watches, which stay, have a gate apart, so that they cannot keep
  /// checks out.
  static void Listen(CallEndpoint<HealthService>& checks, CallEndpoint<HealthService>& watches,
                     int depth);

  /// All services that there are, and whether each serves; the empty name stands for the whole
  /// server. No effect after StopServing.
  void SetServing(const std::map<std::string, bool>& services);
  /// Everything turns NOT_SERVING for good.
  void StopServing();
  /// StopServing, and watches end.
  void Drain();

  /// SERVICE_UNKNOWN where there is no such service.
  ServingStatus Status(const std::string& service) const;

  /// Calls watcher.Changed with the present status, and from then on until Unsubscribe.
  void Subscribe(const std::string& service, Watcher& watcher);
  void Unsubscribe(Watcher& watcher);

 private:
  ServingStatus StatusLocked(const std::string& service) const;
  void StopServingLocked();

  UnaryMethods<grpc::health::v1::Health::AsyncService> async_service_;

  // Guarded by mutex_.
  mutable std::mutex mutex_;
  std::map<std::string, ServingStatus> statuses_;
  std::map<Watcher*, std::string> watchers_;
  bool stopped_ = false;
  bool draining_ = false;
};

}  // namespace mdn

#endif  // MDN_SERVER_RPC_HEALTH_SERVICE_H_

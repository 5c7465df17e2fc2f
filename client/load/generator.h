#ifndef MDN_CLIENT_LOAD_GENERATOR_H_
#define MDN_CLIENT_LOAD_GENERATOR_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/load/arrivals.h"
#include "client/load/result.h"
#include "client/load/workload.h"
#include "mdn/security.h"

namespace mdn::load {

/// What bears the load; constant over the phases.
struct GeneratorOptions {
  /// Connections go to them in turn. At least one.
  std::vector<std::string> servers;
  SecurityOptions security;
  /// TCP connections, or those of a Unix socket. Requests take them in turn.
  int connections = 1;
  /// Requests go over a stream on each connection, instead of a call each.
  bool stream = false;
  /// Each serves its own connections; at most as many as there are.
  int threads = 1;
  /// For each request from the moment that it is due.
  std::chrono::nanoseconds timeout = std::chrono::seconds(10);
  std::chrono::nanoseconds connect_timeout = std::chrono::seconds(10);
};

/// One phase of load.
struct LoadPhase {
  /// Closed loop: this many requests under way, each followed by the next as soon as it is
  /// answered.
  int concurrency = 1;
  /// Open loop where above 0: requests a second, whether the server answers them or not. Latency
  /// then counts from the moment that a request was due, also where it could not be sent yet.
  double rate = 0;
  ArrivalProcess arrivals = ArrivalProcess::kPoisson;
  /// Looks for answers without a pause, as an open loop does between requests that follow closely:
  /// takes its processors whole. To wake a caller that sleeps is work of the server's where both
  /// are on one machine, and more of it the slower the server is.
  bool awake = false;
  /// How long requests are sent for; answers are waited for beyond.
  std::chrono::nanoseconds duration = std::chrono::seconds(1);
  /// It also ends with this many.
  int64_t max_requests = int64_t{1} << 40;
  uint64_t seed = 0;
};

/// That this process may run on.
int UsableProcessors();

/// Sends the same requests over and over, without retries, on connections that it keeps. It has no
/// more than 65536 requests under way. Confined to one thread.
class LoadGenerator {
 public:
  /// UNAVAILABLE: a connection was not ready in time. What is wrong with the security options.
  static absl::StatusOr<std::unique_ptr<LoadGenerator>> Connect(const GeneratorOptions& options,
                                                                const Workload& workload);
  ~LoadGenerator();

  /// Returns when every request has been answered, or has come to its timeout. Once `stop` is set
  /// no more are sent, and those under way are cancelled and do not count.
  LoadResult Run(const LoadPhase& phase, const std::atomic<bool>& stop);

 private:
  class Worker;
  LoadGenerator();

  std::vector<std::unique_ptr<Worker>> workers_;
};

}  // namespace mdn::load

#endif  // MDN_CLIENT_LOAD_GENERATOR_H_

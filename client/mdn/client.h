#ifndef MDN_CLIENT_H_
#define MDN_CLIENT_H_

#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "mdn/call_options.h"
#include "mdn/security.h"
#include "mdn/stream.h"
#include "mdn/types.h"

namespace mdn {
namespace client_internal {
class PendingCall;
class Transport;
}  // namespace client_internal

struct ClientOptions {
  /// "host:port", "unix:/path", or any other gRPC target, such as "dns:///host:port". Each is used
  /// at all the addresses that its name resolves to, and is resolved again when one is lost.
  std::vector<std::string> servers = {"127.0.0.1:50051"};
  /// For a whole call, tries and waits included, that names no other.
  absl::Duration timeout = absl::Seconds(10);
  /// The largest answer that is accepted; a larger one is RESOURCE_EXHAUSTED.
  int max_response_bytes = 64 << 20;
  /// Predict, Sample and LogLikelihood, with and without waiting, go over a stream that this
  /// client keeps: those of all its threads together, several in a message. They cost a fraction
  /// of calls of their own, most where many run at a time; one after the other gain nothing. What
  /// becomes UNAVAILABLE there is tried again as a call of its own.
  bool coalesce = false;
  SecurityOptions security;
};

/// A running asynchronous call. Dropping it leaves the call running. Thread-safe.
class AsyncCall {
 public:
  /// The callback runs with CANCELLED, soon, unless the call is done already.
  void Cancel();

 private:
  friend class client_internal::Transport;
  explicit AsyncCall(std::function<void()> cancel) : cancel_(std::move(cancel)) {}

  std::function<void()> cancel_;
};

/// Calls MDN Server. Requests are checked by the server, not here.
///
/// The servers take turns, over all their addresses; one that cannot be reached, or whose
/// grpc.health.v1.Health says that it does not serve (it drains, say), is passed over while there
/// are others. A call answered UNAVAILABLE or RESOURCE_EXHAUSTED, or cancelled by the end of its
/// server, is tried again, at most 3 times in all, at the addresses of its server in turn: after a
/// random wait of up to 0.05 s and then 0.1 s, or after as long as the server asks for
/// (grpc-retry-pushback-ms); not if the server forbids it, and not while most calls fail. Requests
/// above 4 MiB are sent once. What is not answered even then goes on to the next server, up to 3,
/// and at last, whatever its health says, to the first of them that was found not to serve.
///
/// Errors carry the server's code and message; beside those
///   DEADLINE_EXCEEDED   the timeout passed
///   UNAVAILABLE         no server could be reached
///   CANCELLED           cancelled by the caller, or by the destructor
///   RESOURCE_EXHAUSTED  the answer is larger than max_response_bytes
///   INTERNAL            the answer is malformed: its shapes do not fit its numbers or the request
///   NOT_FOUND, INVALID_ARGUMENT   a file of the security options cannot be read or is none
///
/// Thread-safe.
class Client {
 public:
  template <typename Result>
  using Callback = std::function<void(absl::StatusOr<Result>)>;

  template <typename Result>
  using Future = std::future<absl::StatusOr<Result>>;

  /// Connects when first called. What is wrong with an address shows in the calls.
  explicit Client(const ClientOptions& options);

  /// Cancels the asynchronous calls that still run and waits for their callbacks; so it must not be
  /// called from one.
  ~Client();

  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  absl::StatusOr<Prediction> Predict(const PredictRequest& request,
                                     const CallOptions& options = {}) const;
  absl::StatusOr<Samples> Sample(const SampleRequest& request,
                                 const CallOptions& options = {}) const;
  absl::StatusOr<LogLikelihoods> LogLikelihood(const LogLikelihoodRequest& request,
                                               const CallOptions& options = {}) const;

  absl::StatusOr<ModelInfo> GetModel(const ModelId& model = {},
                                     const CallOptions& options = {}) const;
  absl::StatusOr<std::vector<ModelVersion>> ListModels(const CallOptions& options = {}) const;

  /// `service` is empty for the server as a whole, or a gRPC service's full name; NOT_FOUND if the
  /// server does not know it. Asks one server, the next in turn.
  absl::StatusOr<ServingStatus> Health(absl::string_view service = "",
                                       const CallOptions& options = {}) const;

  /// A stream to one of the servers.
  std::unique_ptr<Stream> OpenStream(const StreamOptions& options = {}) const;

  /// The same as the calls above without waiting. The callback runs exactly once, on a thread that
  /// this client keeps for callbacks (with coalesce there are two), or, where the call cannot
  /// start, within this function. It must not wait, nor make a call that does; it may start other
  /// calls. With coalesce this waits while 16384 calls are under way.
  AsyncCall PredictAsync(const PredictRequest& request, const CallOptions& options,
                         Callback<Prediction> done) const;
  AsyncCall SampleAsync(const SampleRequest& request, const CallOptions& options,
                        Callback<Samples> done) const;
  AsyncCall LogLikelihoodAsync(const LogLikelihoodRequest& request, const CallOptions& options,
                               Callback<LogLikelihoods> done) const;

  /// The same with a future, which is ready when the timeout has passed, at the latest.
  Future<Prediction> PredictAsync(const PredictRequest& request,
                                  const CallOptions& options = {}) const;
  Future<Samples> SampleAsync(const SampleRequest& request, const CallOptions& options = {}) const;
  Future<LogLikelihoods> LogLikelihoodAsync(const LogLikelihoodRequest& request,
                                            const CallOptions& options = {}) const;

 private:
  const std::unique_ptr<client_internal::Transport> transport_;
};

}  // namespace mdn

#endif  // MDN_CLIENT_H_

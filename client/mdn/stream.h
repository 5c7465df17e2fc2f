#ifndef MDN_STREAM_H_
#define MDN_STREAM_H_

#include <functional>
#include <future>
#include <memory>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "mdn/call_options.h"
#include "mdn/types.h"

namespace mdn {
namespace client_internal {
class StreamSession;
}  // namespace client_internal

struct StreamOptions {
  /// For a request that names no other in its CallOptions.
  absl::Duration timeout = absl::Seconds(10);
  /// Requests under way. Another one waits, within its timeout, until one of them is answered; on
  /// the callbacks' thread, where nothing may wait, it is RESOURCE_EXHAUSTED instead. At least 1.
  int max_in_flight = 1024;
};

/// Many requests at a time to one server, over one call, for a fraction of what a call each costs
/// either side. Requests that are made while others are on their way to the network go together,
/// answers come in any order, and those that are too large for a call come whole here, up to
/// ClientOptions::max_response_bytes. By Client::OpenStream; may outlive its client.
///
/// Errors are those of Client's methods, and concern one request alone, but for the loss of the
/// call: then what was under way is UNAVAILABLE, or what the call ended with, and is not tried
/// again here; what had not been sent yet goes to the next server that can be reached, as do the
/// requests after it. A call also gives way to a new one every few minutes, without a loss.
///
/// Every callback runs exactly once, on the one thread that the stream keeps for them, or, where
/// the request is refused at once, within the call that made it. It must not wait; it may make
/// other requests. Thread-safe.
class Stream {
 public:
  template <typename Result>
  using Callback = std::function<void(absl::StatusOr<Result>)>;

  template <typename Result>
  using Future = std::future<absl::StatusOr<Result>>;

  explicit Stream(std::unique_ptr<client_internal::StreamSession> session);
  /// Cancel. Must not be called from a callback.
  ~Stream();

  void Predict(const PredictRequest& request, const CallOptions& options,
               Callback<Prediction> done);
  void Sample(const SampleRequest& request, const CallOptions& options, Callback<Samples> done);
  void LogLikelihood(const LogLikelihoodRequest& request, const CallOptions& options,
                     Callback<LogLikelihoods> done);

  /// The same with a future, which is ready soon after the timeout has passed, at the latest.
  Future<Prediction> Predict(const PredictRequest& request, const CallOptions& options = {});
  Future<Samples> Sample(const SampleRequest& request, const CallOptions& options = {});
  Future<LogLikelihoods> LogLikelihood(const LogLikelihoodRequest& request,
                                       const CallOptions& options = {});

  /// Takes no more requests, which are FAILED_PRECONDITION from here on, and returns when all have
  /// been answered and their callbacks have run. Must not be called from a callback.
  void Close();

  /// Takes no more requests, and those under way are CANCELLED.
  void Cancel();

 private:
  const std::unique_ptr<client_internal::StreamSession> session_;
};

}  // namespace mdn

#endif  // MDN_STREAM_H_

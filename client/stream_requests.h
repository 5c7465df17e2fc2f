#ifndef MDN_CLIENT_STREAM_REQUESTS_H_
#define MDN_CLIENT_STREAM_REQUESTS_H_

#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <utility>

#include "absl/status/statusor.h"
#include "client/messages.h"
#include "client/stream_session.h"

namespace mdn::client_internal {

/// Sends a client's request over a session, and makes the result of its answer. Returns the id.
template <typename Result, typename Request>
uint64_t SendStreamed(StreamSession& session, const Request& request, const CallOptions& options,
                      std::function<void(absl::StatusOr<Result>)> done) {
  return session.Send(ToStreamed(request), options,
                      [expected = Expect(request), done = std::move(done)](
                          const absl::Status& status, StreamedAnswer& answer) {
                        if (!status.ok()) return done(status);
                        done(ToResult<Result>(answer, expected));
                      });
}

template <typename Result, typename Request>
std::future<absl::StatusOr<Result>> SendStreamed(StreamSession& session, const Request& request,
                                                 const CallOptions& options) {
  auto promise = std::make_shared<std::promise<absl::StatusOr<Result>>>();
  auto future = promise->get_future();
  SendStreamed<Result>(
      session, request, options,
      std::function<void(absl::StatusOr<Result>)>(
          [promise](absl::StatusOr<Result> result) { promise->set_value(std::move(result)); }));
  return future;
}

}  // namespace mdn::client_internal

#endif  // MDN_CLIENT_STREAM_REQUESTS_H_

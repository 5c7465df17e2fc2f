#ifndef MDN_CLIENT_LOAD_BEARER_H_
#define MDN_CLIENT_LOAD_BEARER_H_

#include <grpcpp/channel.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "client/load/workload.h"

namespace mdn::load {

using LoadClock = std::chrono::steady_clock;
using LoadTime = LoadClock::time_point;

/// Carries requests over its connections, which take turns, and brings the answers. Confined to one
/// thread.
class Bearer {
 public:
  /// What became of a request.
  struct Answer {
    /// As it was given to Send.
    LoadTime due;
    /// A gRPC status code.
    int code = 0;
    /// Of the response message.
    int64_t bytes = 0;
    /// The status's, where it is not OK.
    std::string message;
  };

  virtual ~Bearer() = default;

  virtual void AddConnection(const std::shared_ptr<grpc::Channel>& channel) = 0;
  /// Every request is answered. A call of its own has an error once `timeout` has passed since the
  /// request was due. On a stream that is left to the server, and a stream on which nothing came
  /// for twice that long ends, with an error for all that it bore, when there is nothing to
  /// receive.
  virtual void Send(LoadTime due) = 0;
  /// The next answer, if one comes until then; LoadTime::min(): if it is there already.
  virtual std::optional<Answer> ReceiveUntil(LoadTime until) = 0;
  /// What is under way is answered CANCELLED soon.
  virtual void CancelAll() = 0;
};

/// Each request is a call of its own.
std::unique_ptr<Bearer> MakeUnaryBearer(const Workload& workload, std::chrono::nanoseconds timeout,
                                        uint64_t seed);

/// Each connection has a stream, and requests that are sent without a look for answers between them
/// go together.
std::unique_ptr<Bearer> MakeStreamBearer(const Workload& workload, std::chrono::nanoseconds timeout,
                                         uint64_t seed);

}  // namespace mdn::load

#endif  // MDN_CLIENT_LOAD_BEARER_H_

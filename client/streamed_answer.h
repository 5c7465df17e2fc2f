#ifndef MDN_CLIENT_STREAMED_ANSWER_H_
#define MDN_CLIENT_STREAMED_ANSWER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "mdn/v1/mdn.pb.h"

namespace mdn::client_internal {

/// Puts the parts of an answer together. Thread-compatible.
class StreamedAnswer {
 public:
  /// Takes the next part. The answer is whole if no more follow it. INTERNAL: parts of different
  /// kinds; RESOURCE_EXHAUSTED: more than `max_bytes` together; else the part's error, if it is
  /// one.
  absl::Status Add(v1::StreamedResponse part, int64_t max_bytes);

  /// It came in more than one part, so its shapes begin with the rows of the first.
  bool in_parts() const { return parts_ > 1; }
  v1::StreamedResponse& response() { return response_; }

 private:
  v1::StreamedResponse response_;
  int64_t parts_ = 0;
  int64_t bytes_ = 0;
};

}  // namespace mdn::client_internal

#endif  // MDN_CLIENT_STREAMED_ANSWER_H_

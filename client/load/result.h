#ifndef MDN_CLIENT_LOAD_RESULT_H_
#define MDN_CLIENT_LOAD_RESULT_H_

#include <array>
#include <cstdint>
#include <string>

#include "client/load/histogram.h"

namespace mdn::load {

/// gRPC's status codes are 0 … 16.
constexpr int kStatusCodes = 17;

/// What a phase of load saw.
struct LoadResult {
  /// Of answers that were OK: from the moment the request was due, in an open loop, or sent, in a
  /// closed one.
  LatencyHistogram latency;
  /// How long after the moment it was due a request was sent; open loop only.
  LatencyHistogram lag;
  /// Answers by status code.
  std::array<int64_t, kStatusCodes> answers{};
  /// The first message that came with each code.
  std::array<std::string, kStatusCodes> messages;
  /// OK, but later than the timeout.
  int64_t late = 0;
  /// OK and not late, before the window closed: the answers to the last requests come after.
  int64_t in_window = 0;
  /// The phase's duration, or until the last answer where the phase ended earlier.
  double window_seconds = 0;
  /// Of the response messages that were OK.
  int64_t response_bytes = 0;
  /// Taken by the whole process meanwhile.
  double cpu_seconds = 0;
  /// Of those, about: the looks for answers that found none, of workers that do not sleep.
  double vain_seconds = 0;
  /// From the beginning to the last answer.
  double elapsed_seconds = 0;
  /// Processors that the generator can keep busy.
  int processors = 1;
  bool open_loop = false;

  int64_t total() const;
  void Add(const LoadResult& other);
};

/// What the result says to a reader.
struct LoadReport {
  /// In the window, OK and in time.
  double requests_per_second = 0;
  double rows_per_second = 0;
  /// Microseconds.
  double p50 = 0, p90 = 0, p99 = 0, p999 = 0, max = 0, mean = 0;
  double response_bytes = 0;
  /// The 99th percentile of the lag, microseconds.
  double lag_p99 = 0;
  /// Of the processors that the generator can use, 0 to 1; vain looks for answers do not count.
  double generator_load = 0;
  /// Empty, or why the figures tell of the generator rather than of the server.
  std::string generator_limit;
};

LoadReport Summarise(const LoadResult& result, int64_t rows_per_request);

/// "RESOURCE_EXHAUSTED" for 8.
std::string StatusCodeName(int code);

}  // namespace mdn::load

#endif  // MDN_CLIENT_LOAD_RESULT_H_

#ifndef MDN_SERVER_OBSERVABILITY_LOAD_METRICS_H_
#define MDN_SERVER_OBSERVABILITY_LOAD_METRICS_H_

#include <chrono>

#include "absl/status/status.h"
#include "server/observability/histogram.h"

namespace mdn {

/// The loading of models, by how it ended. Thread-safe.
class LoadMetrics {
 public:
  void Record(const absl::Status& status, std::chrono::nanoseconds took) {
    (status.ok() ? succeeded_ : failed_).Observe(took);
  }

  const Histogram& succeeded() const { return succeeded_; }
  const Histogram& failed() const { return failed_; }

 private:
  Histogram succeeded_{LoadBounds()};
  Histogram failed_{LoadBounds()};
};

}  // namespace mdn

#endif  // MDN_SERVER_OBSERVABILITY_LOAD_METRICS_H_

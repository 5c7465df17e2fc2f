#ifndef MDN_SERVER_OBSERVABILITY_EXPOSITION_H_
#define MDN_SERVER_OBSERVABILITY_EXPOSITION_H_

#include <prometheus/metric_family.h>

#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "server/observability/histogram.h"

namespace mdn {

/// Metrics at one moment, as Prometheus reads them. A family is begun, and its samples follow.
/// Thread-compatible.
class Exposition {
 public:
  using Type = prometheus::MetricType;
  using Labels = std::vector<std::pair<absl::string_view, std::string>>;

  /// `help`: a sentence for those who read graphs.
  void Begin(Type type, absl::string_view name, absl::string_view help);
  /// A counter's or a gauge's, by the family's type.
  void Add(const Labels& labels, double value);
  /// A histogram's. `unit`: what a value of 1 stands for, 1e-9 where the metric is in seconds and
  /// the values in nanoseconds.
  void Add(const Labels& labels, const Histogram& histogram, double unit);

  /// In Prometheus' text format, version 0.0.4.
  std::string Text() const;

 private:
  prometheus::ClientMetric& NewSample(const Labels& labels);

  std::vector<prometheus::MetricFamily> families_;
};

/// The family process_*, of this process, as the official clients name it.
void AddProcessMetrics(Exposition& exposition);

}  // namespace mdn

#endif  // MDN_SERVER_OBSERVABILITY_EXPOSITION_H_

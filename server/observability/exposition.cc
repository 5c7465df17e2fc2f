#include "server/observability/exposition.h"

#include <prometheus/text_serializer.h>

#include <cassert>
#include <limits>

namespace mdn {

void Exposition::Begin(Type type, absl::string_view name, absl::string_view help) {
  prometheus::MetricFamily& family = families_.emplace_back();
  family.name = std::string(name);
  family.help = std::string(help);
  family.type = type;
}

void Exposition::Add(const Labels& labels, double value) {
  prometheus::ClientMetric& sample = NewSample(labels);
  if (families_.back().type == Type::Counter) {
    sample.counter.value = value;
  } else {
    assert(families_.back().type == Type::Gauge);
    sample.gauge.value = value;
  }
}

void Exposition::Add(const Labels& labels, const Histogram& histogram, double unit) {
  assert(families_.back().type == Type::Histogram);
  const Histogram::Snapshot snapshot = histogram.Read();
  const absl::Span<const int64_t> bounds = histogram.bounds();
  auto& sample = NewSample(labels).histogram;
  uint64_t cumulative = 0;
  for (size_t i = 0; i < snapshot.counts.size(); ++i) {
    cumulative += snapshot.counts[i];
    const double bound = i < bounds.size() ? static_cast<double>(bounds[i]) * unit
                                           : std::numeric_limits<double>::infinity();
    sample.bucket.push_back({cumulative, bound});
  }
  sample.sample_count = cumulative;
  sample.sample_sum = static_cast<double>(snapshot.sum) * unit;
}

std::string Exposition::Text() const { return prometheus::TextSerializer().Serialize(families_); }

prometheus::ClientMetric& Exposition::NewSample(const Labels& labels) {
  assert(!families_.empty());
  prometheus::ClientMetric& sample = families_.back().metric.emplace_back();
  for (const auto& [name, value] : labels) sample.label.push_back({std::string(name), value});
  return sample;
}

}  // namespace mdn

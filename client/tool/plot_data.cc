#include "client/tool/plot_data.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "client/tool/heat_map.h"
#include "client/tool/marginal.h"
#include "client/tool/rows.h"

namespace mdn::tool {
namespace {

constexpr int kGridColumns = 300;
constexpr int kGridRows = 200;
constexpr int kHistogramCells = 35;
constexpr int64_t kMostObservations = 1'000'000;
// More observations than this would hide the density.
constexpr size_t kMostShown = 1000;
constexpr double kBandLow = 0.05, kBandHigh = 0.95;

/// Rows that were observed, x and y apart.
struct Observations {
  Rows x, y;
  /// Of the columns; empty where the file has none.
  std::vector<std::string> names;
};

absl::StatusOr<Observations> ReadObservations(const PlotRequest& request, const ModelInfo& model) {
  const std::string& path = request.data;
  absl::StatusOr<RowReader> reader = RowReader::Open(path, request.columns);
  if (!reader.ok()) return reader.status();
  const absl::StatusOr<Rows> rows = reader->Read(kMostObservations);
  if (!rows.ok()) return rows.status();
  if (rows->count == 0) return reader->NoRows();
  if (rows->columns != model.dim_in + model.dim_out) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": ", rows->columns, " columns, expected ",
                                                   model.dim_in, " of x and then ", model.dim_out,
                                                   " of y"));
  }
  Observations observations{
      {{}, rows->count, model.dim_in}, {{}, rows->count, model.dim_out}, reader->headings()};
  for (auto row = rows->values.begin(); row != rows->values.end(); row += rows->columns) {
    const auto y = row + model.dim_in;
    observations.x.values.insert(observations.x.values.end(), row, y);
    observations.y.values.insert(observations.y.values.end(), y, y + model.dim_out);
  }
  return observations;
}

/// Column `column_x` of one table against column `column_y` of another.
std::vector<Point> Pairs(const Rows& x, int64_t column_x, absl::Span<const float> y,
                         int64_t columns_y, int64_t column_y) {
  std::vector<Point> points;
  for (int64_t row = 0; row < x.count; ++row) {
    points.push_back({x.values[row * x.columns + column_x], y[row * columns_y + column_y]});
  }
  return points;
}

std::vector<Point> EveryNth(const std::vector<Point>& points, size_t n) {
  std::vector<Point> some;
  for (size_t i = 0; i < points.size(); i += n) some.push_back(points[i]);
  return some;
}

Range RangeOf(const std::vector<Point>& points, double Point::*coordinate) {
  constexpr double kMargin = 0.04;
  Range range{std::numeric_limits<double>::infinity(), -std::numeric_limits<double>::infinity()};
  for (const Point& point : points) {
    range.low = std::min(range.low, point.*coordinate);
    range.high = std::max(range.high, point.*coordinate);
  }
  const double width = range.high - range.low;
  const double margin = width > 0 ? kMargin * width : 0.5;
  return {range.low - margin, range.high + margin};
}

double MiddleOf(const Range& range, int cell, int cells) {
  return range.low + (range.high - range.low) * (cell + 0.5) / cells;
}

/// Gathers one figure from a server. Confined to one thread.
class Plotter {
 public:
  Plotter(const PlotRequest& request, const Session& session, ModelInfo model)
      : request_(request), session_(session), model_(std::move(model)) {}

  absl::StatusOr<Figure> Draw();

 private:
  absl::Status CheckAxes() const;
  absl::Status Observe();
  absl::Status PredictGrid();
  void SetRanges();
  absl::StatusOr<Panel> MakePanel(PanelName name) const;
  absl::StatusOr<Panel> Sampled() const;
  absl::StatusOr<Panel> Density() const;
  /// One draw at each row of x.
  absl::StatusOr<std::vector<Point>> Draws(const Rows& x) const;
  /// Rows whose feature runs through the x axis.
  Rows RowsAlongAxis(int count) const;
  int64_t RowsPerRequest() const;
  absl::Status ForEachRequest(const Rows& x,
                              absl::FunctionRef<absl::Status(ArrayView, int64_t)> call) const;
  std::string NameOf(int64_t column, const std::string& usual, int64_t index, int64_t of) const;

  const PlotRequest& request_;
  const Session& session_;
  const ModelInfo model_;
  std::optional<Observations> observations_;
  std::vector<Point> observed_;
  std::vector<Marginal> marginals_;
  Figure figure_;
};

absl::Status Plotter::CheckAxes() const {
  if (request_.feature >= model_.dim_in) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--feature: got ", request_.feature, "; the model has features 0 to ", model_.dim_in - 1));
  }
  if (request_.dimension >= model_.dim_out) {
    return absl::InvalidArgumentError(absl::StrCat("--dimension: got ", request_.dimension,
                                                   "; the model has dimensions 0 to ",
                                                   model_.dim_out - 1));
  }
  const auto values = static_cast<int64_t>(request_.at.size());
  if (model_.dim_in == 1 ? values > 1 : values != model_.dim_in) {
    return absl::InvalidArgumentError(
        absl::StrCat("--at: got ", values, " values; the model has ", model_.dim_in,
                     " features, of which --feature varies and --at holds the others"));
  }
  return absl::OkStatus();
}

absl::Status Plotter::Observe() {
  if (request_.data.empty()) return absl::OkStatus();
  absl::StatusOr<Observations> observations = ReadObservations(request_, model_);
  if (!observations.ok()) return observations.status();
  observations_ = *std::move(observations);
  observed_ = Pairs(observations_->x, request_.feature, observations_->y.values, model_.dim_out,
                    request_.dimension);
  return absl::OkStatus();
}

Rows Plotter::RowsAlongAxis(int count) const {
  Rows rows{{}, count, model_.dim_in};
  for (int i = 0; i < count; ++i) {
    for (int64_t feature = 0; feature < model_.dim_in; ++feature) {
      const double value =
          feature == request_.feature ? MiddleOf(figure_.x, i, count) : request_.at[feature];
      rows.values.push_back(static_cast<float>(value));
    }
  }
  return rows;
}

int64_t Plotter::RowsPerRequest() const {
  constexpr int64_t kUsual = 1024;
  int64_t most = kUsual;
  for (const int64_t limit :
       {model_.limits.max_request_rows, model_.limits.max_samples_per_request}) {
    if (limit > 0) most = std::min(most, limit);
  }
  return most;
}

absl::Status Plotter::ForEachRequest(
    const Rows& x, absl::FunctionRef<absl::Status(ArrayView, int64_t)> call) const {
  const int64_t most = RowsPerRequest();
  for (int64_t row = 0; row < x.count; row += most) {
    const int64_t count = std::min(most, x.count - row);
    const auto values = absl::MakeConstSpan(x.values).subspan(row * x.columns, count * x.columns);
    if (absl::Status status = call({{count, x.columns}, values}, row / most); !status.ok()) {
      return status;
    }
  }
  return absl::OkStatus();
}

absl::Status Plotter::PredictGrid() {
  return ForEachRequest(RowsAlongAxis(kGridColumns), [this](ArrayView x, int64_t) {
    const int64_t rows = x.shape.front();
    const absl::StatusOr<Prediction> prediction =
        session_.client.Predict({session_.model, std::move(x)});
    if (!prediction.ok()) return prediction.status();
    for (int64_t row = 0; row < rows; ++row) {
      marginals_.emplace_back(*prediction, row, request_.dimension);
    }
    return absl::OkStatus();
  });
}

absl::StatusOr<std::vector<Point>> Plotter::Draws(const Rows& x) const {
  std::vector<float> samples;
  absl::Status status = ForEachRequest(x, [&](ArrayView rows, int64_t index) {
    SampleRequest request;
    request.model = session_.model;
    request.x = std::move(rows);
    request.seed = request_.seed + static_cast<uint64_t>(index);
    const absl::StatusOr<Samples> drawn = session_.client.Sample(request);
    if (!drawn.ok()) return drawn.status();
    samples.insert(samples.end(), drawn->samples.values.begin(), drawn->samples.values.end());
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return Pairs(x, request_.feature, samples, model_.dim_out, request_.dimension);
}

void Plotter::SetRanges() {
  constexpr double kTail = 0.005;
  if (request_.y_range.has_value()) {
    figure_.y = *request_.y_range;
  } else if (!observed_.empty()) {
    figure_.y = RangeOf(observed_, &Point::y);
  } else {
    std::vector<Point> ends;
    for (const Marginal& marginal : marginals_) {
      ends.push_back({0, marginal.Quantile(kTail)});
      ends.push_back({0, marginal.Quantile(1 - kTail)});
    }
    figure_.y = RangeOf(ends, &Point::y);
  }
}

absl::StatusOr<Panel> Plotter::Sampled() const {
  constexpr int kWithoutData = 512;
  const auto points =
      Draws(observations_.has_value() ? observations_->x : RowsAlongAxis(kWithoutData));
  if (!points.ok()) return points.status();
  Panel panel;
  panel.kind = PanelKind::kHistogram;
  panel.title = "Sampled data";
  panel.heat = Histogram(*points, figure_.x, figure_.y, kHistogramCells);
  return panel;
}

absl::StatusOr<Panel> Plotter::Density() const {
  Panel panel;
  panel.title = "p(y | x)";
  panel.heat = DensityMap(marginals_, figure_.y, kGridRows);
  const size_t stride = (observed_.size() + kMostShown - 1) / kMostShown;
  panel.observed = EveryNth(observed_, stride);
  panel.observed_title = stride > 1 ? absl::StrCat("observed, 1 in ", stride) : "observed";
  for (int i = 0; i < kGridColumns; ++i) {
    const double x = MiddleOf(figure_.x, i, kGridColumns);
    panel.mean.push_back({x, marginals_[i].Mean()});
    panel.lower.push_back({x, marginals_[i].Quantile(kBandLow)});
    panel.upper.push_back({x, marginals_[i].Quantile(kBandHigh)});
  }
  if (request_.num_samples == 0) return panel;
  auto sampled = Draws(RowsAlongAxis(static_cast<int>(request_.num_samples)));
  if (!sampled.ok()) return sampled.status();
  panel.sampled = *std::move(sampled);
  return panel;
}

absl::StatusOr<Panel> Plotter::MakePanel(PanelName name) const {
  switch (name) {
    case PanelName::kSampled:
      return Sampled();
    case PanelName::kDensity:
      return Density();
    case PanelName::kObserved:
      break;
  }
  Panel panel;
  panel.kind = PanelKind::kHistogram;
  panel.title = "Observed data";
  panel.heat = Histogram(observed_, figure_.x, figure_.y, kHistogramCells);
  return panel;
}

std::string Plotter::NameOf(int64_t column, const std::string& usual, int64_t index,
                            int64_t of) const {
  if (observations_.has_value() && !observations_->names.empty()) {
    return observations_->names[column];
  }
  return of == 1 ? usual : absl::StrCat(usual, " ", index);
}

absl::StatusOr<Figure> Plotter::Draw() {
  absl::Status status = CheckAxes();
  if (status.ok()) status = Observe();
  if (!status.ok()) return status;
  figure_.title = request_.title;
  figure_.x_label = NameOf(request_.feature, "x", request_.feature, model_.dim_in);
  figure_.y_label =
      NameOf(model_.dim_in + request_.dimension, "y", request_.dimension, model_.dim_out);
  figure_.x = request_.x_range.has_value() ? *request_.x_range : RangeOf(observed_, &Point::x);
  if (status = PredictGrid(); !status.ok()) return status;
  SetRanges();
  for (const PanelName name : request_.panels) {
    absl::StatusOr<Panel> panel = MakePanel(name);
    if (!panel.ok()) return panel.status();
    figure_.panels.push_back(*std::move(panel));
  }
  return std::move(figure_);
}

}  // namespace

absl::StatusOr<Figure> MakeFigure(const PlotRequest& request, const Session& session) {
  absl::StatusOr<ModelInfo> model = session.client.GetModel(session.model);
  if (!model.ok()) return model.status();
  return Plotter(request, session, *std::move(model)).Draw();
}

}  // namespace mdn::tool

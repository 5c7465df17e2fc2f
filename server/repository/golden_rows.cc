#include "server/repository/golden_rows.h"

#include <cmath>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "model/checkpoint/json_text.h"
#include "model/mixture/density.h"

namespace mdn {
namespace {

using nlohmann::json;

constexpr int64_t kMaxRows = 4096;
constexpr double kDefaultTolerance = 1e-4;

using Shape = std::vector<int64_t>;

std::string Text(const Shape& shape) { return absl::StrCat("[", absl::StrJoin(shape, ", "), "]"); }

/// Adds the numbers of nested lists of the given shape, from dimension `depth` on.
bool Flatten(const json& value, const Shape& shape, size_t depth, std::vector<float>& out) {
  if (depth == shape.size()) {
    if (!value.is_number()) return false;
    out.push_back(value.get<float>());
    return std::isfinite(out.back());
  }
  if (!value.is_array() || static_cast<int64_t>(value.size()) != shape[depth]) return false;
  for (const json& item : value) {
    if (!Flatten(item, shape, depth + 1, out)) return false;
  }
  return true;
}

class GoldenRows {
 public:
  GoldenRows(json golden, const Engine& engine) : golden_(std::move(golden)), engine_(engine) {}

  absl::Status Check() {
    if (absl::Status status = ReadInputs(); !status.ok()) return status;
    Mixture mixture;
    if (absl::Status status = engine_.Evaluate(x_, rows_, mixture); !status.ok()) return status;
    const int64_t components = mixture.shape.components, dims = mixture.shape.dims;
    for (const absl::Status& status : {Compare("log_pi", {rows_, components}, mixture.log_pi),
                                       Compare("mu", {rows_, components, dims}, mixture.mu),
                                       Compare("sigma", {rows_, components, dims}, mixture.sigma),
                                       CompareLogLikelihood(mixture)}) {
      if (!status.ok()) return status;
    }
    if (is_compared_) return absl::OkStatus();
    return absl::InvalidArgumentError(
        "expects nothing; it needs log_pi, mu, sigma or "
        "log_likelihood");
  }

 private:
  absl::Status ReadInputs() {
    for (const auto& [key, value] : golden_.items()) {
      if (key != "x" && key != "y" && key != "log_pi" && key != "mu" && key != "sigma" &&
          key != "log_likelihood" && key != "tolerance") {
        return absl::InvalidArgumentError(
            absl::StrCat("has the unknown key ", JsonExcerpt(json(key)),
                         "; expected x, y, log_pi, mu, sigma, log_likelihood or tolerance"));
      }
    }
    const json x = golden_.value("x", json());
    rows_ = x.is_array() ? static_cast<int64_t>(x.size()) : 0;
    if (rows_ < 1 || rows_ > kMaxRows) {
      return absl::InvalidArgumentError(absl::StrCat("x: expected 1 to ", kMaxRows, " rows"));
    }
    const json tolerance = golden_.value("tolerance", json(kDefaultTolerance));
    if (!tolerance.is_number() || !(tolerance.get<double>() >= 0)) {
      return absl::InvalidArgumentError(
          absl::StrCat("tolerance: got ", JsonExcerpt(tolerance), "; expected a number from 0"));
    }
    tolerance_ = tolerance.get<double>();
    return Read("x", {rows_, engine_.dim_in()}, x_);
  }

  absl::Status Read(const char* key, const Shape& shape, std::vector<float>& out) const {
    if (Flatten(golden_.value(key, json()), shape, 0, out)) return absl::OkStatus();
    return absl::InvalidArgumentError(
        absl::StrCat(key, ": expected nested lists of finite numbers of the shape ", Text(shape)));
  }

  absl::Status Compare(const char* key, const Shape& shape, const std::vector<float>& got) {
    if (!golden_.contains(key)) return absl::OkStatus();
    is_compared_ = true;
    std::vector<float> expected;
    if (absl::Status status = Read(key, shape, expected); !status.ok()) return status;
    for (size_t i = 0; i < expected.size(); ++i) {
      if (std::abs(got[i] - expected[i]) <= tolerance_ * (1 + std::abs(expected[i]))) continue;
      const auto row = static_cast<int64_t>(i * rows_ / expected.size());
      return absl::InvalidArgumentError(absl::StrCat(key, ": row ", row, ", element ",
                                                     i - row * (expected.size() / rows_), " is ",
                                                     got[i], "; expected ", expected[i]));
    }
    return absl::OkStatus();
  }

  absl::Status CompareLogLikelihood(const Mixture& mixture) {
    if (!golden_.contains("log_likelihood") && !golden_.contains("y")) return absl::OkStatus();
    const int64_t dims = mixture.shape.dims;
    std::vector<float> y, log_likelihood(rows_);
    if (absl::Status status = Read("y", {rows_, dims}, y); !status.ok()) return status;
    for (int64_t row = 0; row < rows_; ++row) {
      LogDensity(mixture.Row(row), absl::MakeConstSpan(y).subspan(row * dims, dims),
                 absl::MakeSpan(log_likelihood).subspan(row, 1));
    }
    return Compare("log_likelihood", {rows_}, log_likelihood);
  }

  const json golden_;
  const Engine& engine_;
  int64_t rows_ = 0;
  std::vector<float> x_;
  double tolerance_ = kDefaultTolerance;
  bool is_compared_ = false;
};

}  // namespace

absl::Status CheckGoldenRows(const std::string& text, const Engine& engine) {
  absl::StatusOr<json> golden =
      ParseJsonObject(text, [](const std::string& /*key*/) { return true; });
  if (!golden.ok()) return golden.status();
  return GoldenRows(*std::move(golden), engine).Check();
}

}  // namespace mdn

#include "model/checkpoint/model_config.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <set>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"

namespace mdn {
namespace {

std::string ValueText(int64_t value) { return absl::StrCat(value); }
std::string ValueText(double value) { return absl::StrCat(value); }
std::string ValueText(NoiseType value) { return std::string(NoiseTypeName(value)); }
std::string ValueText(IsotropicLayout value) { return std::string(IsotropicLayoutName(value)); }
std::string ValueText(const std::vector<double>& values) {
  constexpr size_t kMaxShown = 8;
  const auto end = values.begin() + static_cast<std::ptrdiff_t>(std::min(values.size(), kMaxShown));
  return absl::StrCat("[", absl::StrJoin(values.begin(), end, ", "),
                      values.size() > kMaxShown ? ", ...]" : "]");
}

// Takes each field from the strongest source that says it; the first contradiction sticks.
class HintMerger {
 public:
  explicit HintMerger(const std::vector<ConfigHints>& sources) : sources_(sources) {}

  template <typename T>
  void Merge(const char* key, std::optional<T> ConfigHints::*field) {
    const ConfigHints* strongest = nullptr;
    for (const ConfigHints& source : sources_) {
      if (!(source.*field).has_value()) continue;
      speakers_.insert(&source);
      if (strongest == nullptr) {
        strongest = &source;
        merged_.*field = source.*field;
      } else if (*(source.*field) != *(strongest->*field)) {
        Contradict(key, *strongest, ValueText(*(strongest->*field)), source,
                   ValueText(*(source.*field)));
      }
    }
  }

  void MergeSource() {
    for (const ConfigHints& hints : sources_) {
      if (!merged_.source.has_value()) merged_.source = hints.source;
    }
  }

  void MergeOrigins() {
    std::vector<std::string> origins;
    for (const ConfigHints& hints : sources_) {
      if (speakers_.count(&hints) != 0) origins.push_back(hints.origin);
    }
    merged_.origin = absl::StrJoin(origins, ", ");
  }

  absl::StatusOr<ConfigHints> Result() && {
    if (!status_.ok()) return status_;
    return std::move(merged_);
  }

 private:
  void Contradict(const char* key, const ConfigHints& a, const std::string& a_value,
                  const ConfigHints& b, const std::string& b_value) {
    status_.Update(absl::InvalidArgumentError(
        absl::StrCat(key, " is ", a_value, " by ", a.origin, ", but ", b_value, " by ", b.origin)));
  }

  const std::vector<ConfigHints>& sources_;
  std::set<const ConfigHints*> speakers_;
  ConfigHints merged_;
  absl::Status status_;
};

// Copies hints into a configuration; the first value that cannot be sticks.
class RangeCheck {
 public:
  explicit RangeCheck(std::string origin) : origin_(std::move(origin)) {}

  int64_t Dimension(const char* key, const std::optional<int64_t>& hint) {
    if (!hint.has_value()) return 0;
    if (*hint < 1 || *hint > kMaxDimension) {
      Refuse(key, ValueText(*hint), absl::StrCat("1 to ", kMaxDimension));
    }
    return *hint;
  }

  double Positive(const std::string& key, double value) {
    if (!std::isfinite(value) || value <= 0) Refuse(key, ValueText(value), "finite and positive");
    return value;
  }

  // Fills one of a pair of lists whose other one is said, and checks both.
  void Units(const std::string& prefix, int64_t dims, std::vector<double>& shift,
             std::vector<double>& scale) {
    const std::string shift_key = absl::StrCat(prefix, "_shift");
    const std::string scale_key = absl::StrCat(prefix, "_scale");
    if (shift.empty()) shift.assign(scale.size(), 0);
    if (scale.empty()) scale.assign(shift.size(), 1);
    const size_t expected = dims == 0 ? scale.size() : static_cast<size_t>(dims);
    if (!shift.empty()) {
      CheckLength(shift_key, shift, expected);
      CheckLength(scale_key, scale, expected);
    }
    for (size_t i = 0; i < scale.size(); ++i) Positive(Element(scale_key, i), scale[i]);
    for (size_t i = 0; i < shift.size(); ++i) {
      if (!std::isfinite(shift[i])) Refuse(Element(shift_key, i), ValueText(shift[i]), "finite");
    }
  }

  const absl::Status& status() const { return status_; }

 private:
  static std::string Element(const std::string& key, size_t index) {
    return absl::StrCat(key, "[", index, "]");
  }

  void CheckLength(const std::string& key, const std::vector<double>& values, size_t expected) {
    if (values.size() == expected) return;
    Refuse(key, absl::StrCat("a list of ", values.size()), absl::StrCat(expected, " numbers"));
  }

  void Refuse(const std::string& key, const std::string& value, const std::string& expected) {
    status_.Update(absl::InvalidArgumentError(
        absl::StrCat(key, " is ", value, ", expected ", expected, " (", origin_, ")")));
  }

  std::string origin_;
  absl::Status status_;
};

}  // namespace

absl::StatusOr<ConfigHints> MergeHints(const std::vector<ConfigHints>& strongest_first) {
  HintMerger merger(strongest_first);
  merger.Merge("dim_in", &ConfigHints::dim_in);
  merger.Merge("dim_out", &ConfigHints::dim_out);
  merger.Merge("n_components", &ConfigHints::n_components);
  merger.Merge("hidden_dim", &ConfigHints::hidden_dim);
  merger.Merge("noise_type", &ConfigHints::noise_type);
  merger.Merge("fixed_noise_level", &ConfigHints::fixed_noise_level);
  merger.Merge("isotropic_layout", &ConfigHints::isotropic_layout);
  merger.Merge("x_shift", &ConfigHints::x_shift);
  merger.Merge("x_scale", &ConfigHints::x_scale);
  merger.Merge("y_shift", &ConfigHints::y_shift);
  merger.Merge("y_scale", &ConfigHints::y_scale);
  merger.MergeSource();
  merger.MergeOrigins();
  return std::move(merger).Result();
}

absl::StatusOr<ModelConfig> ConfigFromHints(const ConfigHints& hints) {
  RangeCheck check(hints.origin);
  ModelConfig config;
  config.dim_in = check.Dimension("dim_in", hints.dim_in);
  config.dim_out = check.Dimension("dim_out", hints.dim_out);
  config.n_components = check.Dimension("n_components", hints.n_components);
  config.hidden_dim = check.Dimension("hidden_dim", hints.hidden_dim);
  config.noise_type = hints.noise_type.value_or(config.noise_type);
  if (hints.fixed_noise_level.has_value()) {
    config.fixed_noise_level = check.Positive("fixed_noise_level", *hints.fixed_noise_level);
  }
  if (config.noise_type == NoiseType::kIsotropic) {
    config.isotropic_layout = hints.isotropic_layout.value_or(config.isotropic_layout);
  }
  config.x_shift = hints.x_shift.value_or(std::vector<double>());
  config.x_scale = hints.x_scale.value_or(std::vector<double>());
  config.y_shift = hints.y_shift.value_or(std::vector<double>());
  config.y_scale = hints.y_scale.value_or(std::vector<double>());
  check.Units("x", config.dim_in, config.x_shift, config.x_scale);
  check.Units("y", config.dim_out, config.y_shift, config.y_scale);
  config.source = hints.source.value_or("");
  if (!check.status().ok()) return check.status();
  return config;
}

MixtureHead::Options HeadOptions(const ModelConfig& config) {
  MixtureHead::Options options;
  options.noise_type = config.noise_type;
  options.isotropic_layout = config.isotropic_layout;
  options.fixed_noise_level = config.fixed_noise_level;
  options.components = config.n_components;
  options.dims = config.dim_out;
  options.y_shift = config.y_shift;
  options.y_scale = config.y_scale;
  return options;
}

}  // namespace mdn

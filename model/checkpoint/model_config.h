#ifndef MDN_MODEL_CHECKPOINT_MODEL_CONFIG_H_
#define MDN_MODEL_CHECKPOINT_MODEL_CONFIG_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "model/mixture/noise_model.h"

namespace mdn {

/// Of dim_in, dim_out, n_components and hidden_dim, each.
constexpr int64_t kMaxDimension = int64_t{1} << 20;

/// What a checkpoint's tensors mean. Complete and consistent with them.
struct ModelConfig {
  int64_t dim_in = 0;
  int64_t dim_out = 0;
  int64_t n_components = 0;
  int64_t hidden_dim = 0;
  NoiseType noise_type = NoiseType::kDiagonal;
  /// kFixed only: finite and positive.
  double fixed_noise_level = 0;
  /// kIsotropic only.
  IsotropicLayout isotropic_layout = IsotropicLayout::kTiled;
  /// The network sees (x - x_shift) / x_scale. Empty, or dim_in values; scales are positive.
  std::vector<double> x_shift, x_scale;
  /// y = y_shift + y_scale * (what the network models). Empty, or dim_out values.
  std::vector<double> y_shift, y_scale;
  /// Free text: where the model came from.
  std::string source;
};

/// How the network's outputs become a mixture.
MixtureHead::Options HeadOptions(const ModelConfig& config);

/// What one source (the file's metadata, the file beside it, the flags) says of a model's
/// configuration; unset is unsaid.
struct ConfigHints {
  /// Names the source in messages, "model.json" say.
  std::string origin;
  std::optional<int64_t> dim_in, dim_out, n_components, hidden_dim;
  std::optional<NoiseType> noise_type;
  std::optional<double> fixed_noise_level;
  std::optional<IsotropicLayout> isotropic_layout;
  std::optional<std::vector<double>> x_shift, x_scale, y_shift, y_scale;
  std::optional<std::string> source;
};

/// Reads the JSON object of a configuration file: the keys format_version, dim_in, dim_out,
/// n_components, hidden_dim, noise_type, fixed_noise_level, isotropic_layout, x_shift, x_scale,
/// y_shift, y_scale, source. A null is unsaid. A key that is nearly one of these is refused with
/// the name that was meant; other keys are left to their owners. INVALID_ARGUMENT names the key.
absl::StatusOr<ConfigHints> ParseConfigJson(const std::string& json, const std::string& origin);

/// The same out of the metadata of a safetensors file, whose values are texts: numbers and lists as
/// JSON ("2", "[0.5, 1]"), noise_type, isotropic_layout and source as JSON strings or as they are.
absl::StatusOr<ConfigHints> ParseConfigMetadata(const std::map<std::string, std::string>& metadata,
                                                const std::string& origin);

/// What the two read, with every number as it is: format_version 1 and the keys that the
/// configuration gives a meaning; fixed_noise_level and isotropic_layout with their noise types,
/// shifts, scales and source unless empty.
std::string ConfigJson(const ModelConfig& config);
/// Values are JSON.
std::map<std::string, std::string> ConfigMetadata(const ModelConfig& config);

/// One set of hints out of several, the stronger first. INVALID_ARGUMENT where two of them
/// contradict each other: names the key, both values and both origins. Sources do not contradict.
absl::StatusOr<ConfigHints> MergeHints(const std::vector<ConfigHints>& strongest_first);

/// What the hints say, zeros and the defaults where they are silent; a shift without its scale has
/// scales of 1, and the other way round. INVALID_ARGUMENT names a key whose value cannot be:
/// dimensions are 1 to kMaxDimension, levels and scales finite and positive, shifts finite, and
/// lists as long as their dimension.
absl::StatusOr<ModelConfig> ConfigFromHints(const ConfigHints& hints);

}  // namespace mdn

#endif  // MDN_MODEL_CHECKPOINT_MODEL_CONFIG_H_

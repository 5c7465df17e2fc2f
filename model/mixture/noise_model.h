#ifndef MDN_MODEL_MIXTURE_NOISE_MODEL_H_
#define MDN_MODEL_MIXTURE_NOISE_MODEL_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "model/mixture/mixture.h"

namespace mdn {

/// How a network describes the covariance of its components; the first four numbers are those of
/// the reference implementation's enumeration.
enum class NoiseType {
  kDiagonal = 1,
  kIsotropic = 2,
  kIsotropicAcrossClusters = 3,
  kFixed = 4,
  kFull = 5,
};

/// Which raw output scales component k in dimension d of an isotropic model: k, or
/// (k * D + d) mod K, which is what the reference's repeat and reshape compute.
enum class IsotropicLayout { kPerComponent = 1, kTiled = 2 };

/// "diagonal", "isotropic", "isotropic_across_clusters", "fixed", "full".
absl::string_view NoiseTypeName(NoiseType type);
std::optional<NoiseType> ParseNoiseType(absl::string_view name);
/// "per_component", "tiled".
absl::string_view IsotropicLayoutName(IsotropicLayout layout);
std::optional<IsotropicLayout> ParseIsotropicLayout(absl::string_view name);

/// Raw sigma outputs of a network: DIAGONAL D*K, ISOTROPIC K, ISOTROPIC_ACROSS_CLUSTERS 1, FIXED 0,
/// FULL K*D(D+1)/2.
int64_t SigmaChannels(NoiseType type, int64_t components, int64_t dims);

/// Part of what a trained network means: added to the raw output inside the exponential.
constexpr double kScaleEpsilon = 1e-6;

/// Turns a network's raw outputs into a mixture. Immutable; thread-safe.
class MixtureHead {
 public:
  struct Options {
    NoiseType noise_type = NoiseType::kDiagonal;
    /// kIsotropic only.
    IsotropicLayout isotropic_layout = IsotropicLayout::kTiled;
    /// kFixed only; finite and positive.
    double fixed_noise_level = 0;
    int64_t components = 0;
    int64_t dims = 0;
    /// y = y_shift + y_scale * (what the network models), per dimension, finite, y_scale positive;
    /// empty: as it is.
    std::vector<double> y_shift;
    std::vector<double> y_scale;
  };

  explicit MixtureHead(Options options);

  const Options& options() const { return options_; }
  MixtureShape shape() const;
  /// The raw sigma output of each scale, or of L's diagonal, in [0, SigmaChannels); unused if
  /// kFixed. [K, D]
  absl::Span<const int64_t> scale_channels() const { return channel_of_scale_; }
  /// Outputs of the network that describe means and scales: K*D + SigmaChannels.
  int64_t normal_channels() const;

  /// logits [rows, K] and raw [rows, normal_channels()] into `mixture`, which is resized.
  /// A row of `raw` holds the means, mu = raw[k*D + d], then the sigma outputs. log_pi =
  /// log_softmax(logits). L's diagonal is exp(raw + 1e-6), with the 1e-6 inside as the reference
  /// trains it; kFull's outputs are each component's lower triangle of L in row-major order, and
  /// those off the diagonal are L's entries. Then the change of units of y. In float32: sigma may
  /// become 0 or infinite while log_scale stays finite. A row's bits depend on its outputs alone,
  /// and are the same on every processor with fused multiply-add.
  void Assemble(absl::Span<const float> logits, absl::Span<const float> raw, int64_t rows,
                Mixture& mixture) const;

  /// Rows of a network's outputs: row r begins at data + r * stride. What stands behind a row, up
  /// to a whole vector of this processor's, may be read and written. Assembling overwrites all of
  /// it.
  struct RawOutputs {
    float* logits = nullptr;
    int64_t logits_stride = 0;
    float* normal = nullptr;
    int64_t normal_stride = 0;
  };
  /// In floats; room enough behind a row on any processor.
  static constexpr int64_t kRowPadding = 64;
  /// The same for rows [first_row, first_row + rows) of a mixture that has this head's shape and
  /// those rows. Different rows may be assembled at the same time.
  void AssembleRows(const RawOutputs& raw, int64_t first_row, int64_t rows, Mixture& mixture) const;

  /// The same outputs column by column: number o of row r stands at o * rows + r. Starts at a
  /// multiple of 64 bytes.
  struct RawColumns {
    float* logits = nullptr;
    float* normal = nullptr;
    /// A multiple of the lanes of this processor's vectors.
    int64_t rows = 0;
    /// rows * (K + normal_channels()) numbers, each of the two up to whole vectors.
    float* spare = nullptr;
  };
  /// AssembleRows for as many rows as the columns have, with the same bits.
  void AssembleColumns(const RawColumns& raw, int64_t first_row, Mixture& mixture) const;

 private:
  Options options_;
  /// [K, D]
  std::vector<int64_t> channel_of_scale_;
  bool changes_units_ = false;
  /// 0 unless kFixed.
  double log_fixed_noise_level_ = 0;
  /// y = shift + scale * (what the network models), for every mean and scale. [K, D]
  std::vector<double> shift_, scale_, log_scale_;
};

}  // namespace mdn

#endif  // MDN_MODEL_MIXTURE_NOISE_MODEL_H_

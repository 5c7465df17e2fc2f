#ifndef MDN_TYPES_H_
#define MDN_TYPES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "absl/types/span.h"

namespace mdn {

// Letters in the shapes: `*` any leading dimensions, none included, which an answer keeps;
// I features of x, K components, D dimensions of y, S samples, M points.

/// Numbers in row-major order that the caller keeps, alive until the call that takes them returns
/// (an asynchronous call copies them before it does). The element count is the product of `shape`.
struct ArrayView {
  std::vector<int64_t> shape;
  absl::Span<const float> values;
};

/// Numbers in row-major order; `values.size()` is the product of `shape`.
struct Array {
  std::vector<int64_t> shape;
  std::vector<float> values;

  /// Valid as long as `values` is.
  ArrayView view() const { return {shape, values}; }
};

/// Names a model. In an answer: the one that gave it.
struct ModelId {
  /// Empty: the only model, or the default one.
  std::string name;
  /// 0: the newest version that is ready.
  int64_t version = 0;
  /// In a request, instead of a version: "stable", say.
  std::string label = {};
};

struct PredictRequest {
  ModelId model;
  /// [*, I].
  ArrayView x;
};

/// The mixture at each x.
struct Prediction {
  ModelId model;
  /// [*, K], normalised: the exponentials sum to 1 over K.
  Array log_pi;
  /// [*, K, D].
  Array mu;
  /// [*, K, D], standard deviations.
  Array sigma;
  /// [*, K, D, D], for a full covariance only: the lower triangular L with Sigma = L * L^T.
  std::optional<Array> scale_tril;
};

struct SampleRequest {
  ModelId model;
  /// [*, I].
  ArrayView x;
  /// S, for each row of x.
  int64_t num_samples = 1;
  /// The same seed, x and model give the same samples. Absent: the server draws one; if the call is
  /// then tried again, the answer is another draw than the one that was lost.
  std::optional<uint64_t> seed;
  /// Components are chosen by softmax(log_pi / pi_temperature). Default 1; 0: always the heaviest.
  std::optional<float> pi_temperature;
  /// Multiplies the standard deviations. Default 1; 0: the component's mean.
  std::optional<float> sigma_scale;
  bool return_components = false;
};

struct Samples {
  ModelId model;
  /// [*, S, D].
  Array samples;
  /// The seed that was used.
  uint64_t seed = 0;
  /// [*, S] flattened: which component each sample was drawn from. Empty unless asked for.
  std::vector<int32_t> components;
};

struct LogLikelihoodRequest {
  ModelId model;
  /// [*, I].
  ArrayView x;
  /// [*, D], one y for each x; or [*, M, D], M of them for each x.
  ArrayView y;
};

struct LogLikelihoods {
  ModelId model;
  /// [*] or [*, M]: log p(y | x) in nats, of a density that integrates to 1 over y. -inf where the
  /// density underflows.
  Array log_likelihood;
};

/// What a caller must know to use a model.
struct ModelInfo {
  /// How the network describes the covariance of a component.
  enum class NoiseType {
    kUnspecified = 0,
    kDiagonal = 1,
    kIsotropic = 2,
    kIsotropicAcrossClusters = 3,
    kFixed = 4,
    kFull = 5,
  };

  /// Which output of an isotropic network scales which component; see mdn.proto.
  enum class IsotropicLayout { kUnspecified = 0, kPerComponent = 1, kTiled = 2 };

  /// What the server accepts; see mdn.proto.
  struct Limits {
    int64_t max_request_rows = 0;
    int64_t max_samples_per_request = 0;
    int64_t max_message_bytes = 0;
    int64_t max_batch_rows = 0;
    int64_t max_queue_rows = 0;
  };

  ModelId model;
  int64_t dim_in = 0;
  int64_t dim_out = 0;
  int64_t n_components = 0;
  /// Widths of the hidden layers, input side first; empty for a TorchScript network.
  std::vector<int64_t> hidden_sizes;
  NoiseType noise_type = NoiseType::kUnspecified;
  std::optional<double> fixed_noise_level;
  IsotropicLayout isotropic_layout = IsotropicLayout::kUnspecified;
  /// The model was trained on standardised data. Requests and answers are in original units.
  bool standardized = false;
  /// "pytorch", "pytorch-legacy", "safetensors" or "torchscript".
  std::string format;
  /// Of the checkpoint file, in lower-case hexadecimal.
  std::string sha256;
  /// What evaluates the network.
  std::string engine;
  absl::Time loaded_at = absl::UnixEpoch();
  Limits limits;
  /// Free text from the checkpoint's configuration.
  std::string source;
};

/// One line of the list of models.
struct ModelVersion {
  enum class State { kUnspecified = 0, kLoading = 1, kReady = 2, kUnloading = 3, kFailed = 4, kAvailable = 5 };

  ModelId model;
  State state = State::kUnspecified;
  /// Why, where the state is kFailed; or what is wrong with the files of one that is kReady.
  std::string reason;
  /// Answers requests that name no model.
  bool is_default = false;
  /// Requests may name the version by each of these.
  std::vector<std::string> labels = {};
};

/// What a server says about one of its services.
enum class ServingStatus { kUnknown, kServing, kNotServing };

}  // namespace mdn

#endif  // MDN_TYPES_H_

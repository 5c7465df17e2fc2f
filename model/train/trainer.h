#ifndef MDN_MODEL_TRAIN_TRAINER_H_
#define MDN_MODEL_TRAIN_TRAINER_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "model/checkpoint/checkpoint.h"
#include "model/checkpoint/model_config.h"
#include "model/train/data/split.h"

namespace mdn {

/// How a network is trained: Adam (Kingma & Ba 2015) on mini-batches, its learning rate falling by
/// half a cosine from learning_rate to 0 over the iterations.
struct TrainingOptions {
  int64_t iterations = 3000;
  /// Rows of a step; 0, or more than there are: all.
  int64_t batch_size = 512;
  double learning_rate = 0.005;
  /// Longer gradients are shortened to it; 0: never.
  double max_gradient_norm = 10;
  /// Noise regularisation (Rothfuss et al. 2019): standard deviations of Gaussian noise that each
  /// step adds to its x and y, in the network's units.
  double x_noise = 0;
  double y_noise = 0;
  /// Iterations between two looks at the validation rows.
  int64_t validate_every = 100;
  /// Looks in a row without a better loss that end the training; 0: none do.
  int64_t patience = 0;
  /// Of the initial weights, the order of rows and the noise.
  uint64_t seed = 0;
};

/// Where a training stands. Losses are means of -log p(y|x), normalised, in the network's units.
struct TrainingProgress {
  /// Steps that are done.
  int64_t iteration = 0;
  /// Of the last step's rows, before it.
  double loss = 0;
  /// At the last look; unset before the first, and without validation rows.
  std::optional<double> validation_loss;
  /// The smallest, and after which step that was.
  std::optional<double> best_validation_loss;
  int64_t best_iteration = 0;
};

enum class TrainingEnd { kIterations, kPatience, kStopped };

/// Trains one network. The same data, options and configuration give the same weights on the same
/// machine, interrupted and resumed or not. Confined to one thread.
class Trainer {
 public:
  /// The rows are in the network's units, those of `data.train` not none; of `data.validation`
  /// there may be none. `threads`: as SetIntraOpThreads. INVALID_ARGUMENT: a billion weights or
  /// more. RESOURCE_EXHAUSTED: there is no memory for the network.
  static absl::StatusOr<Trainer> Create(const ModelConfig& config, const TrainingOptions& options,
                                        Split data, int threads);
  Trainer(Trainer&&) noexcept;
  ~Trainer();

  /// Begins with these weights, of a network of the same configuration, instead of random ones.
  /// REQUIRES: no step was taken.
  void SetTensors(const std::map<std::string, Tensor>& tensors);

  /// Steps until the iterations are done, patience is lost, or `go_on`, which is called after each
  /// step, says false. INTERNAL: the loss is no longer finite, and the trainer of no more use.
  absl::StatusOr<TrainingEnd> Run(const std::function<bool(const TrainingProgress&)>& go_on);

  const Split& data() const;
  const TrainingProgress& progress() const;
  /// The weights with the best validation loss; without validation rows, or before the first look
  /// at them, the present ones.
  std::map<std::string, Tensor> Tensors() const;
  /// The mean loss of the weights that Tensors gives over all training rows.
  double TrainingLoss() const;

  /// All that a later Run needs to go on from here.
  std::string State() const;
  /// INVALID_ARGUMENT: no state of a trainer, or of one with other options, another configuration
  /// or other data, the first of which is named; iterations, validate_every and patience may
  /// differ.
  absl::Status Restore(const std::string& state);

 private:
  class Network;

  explicit Trainer(std::unique_ptr<Network> network);

  std::unique_ptr<Network> network_;
};

}  // namespace mdn

#endif  // MDN_MODEL_TRAIN_TRAINER_H_

#ifndef MDN_SERVER_REPOSITORY_SERVED_MODEL_H_
#define MDN_SERVER_REPOSITORY_SERVED_MODEL_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "model/checkpoint/checkpoint.h"
#include "model/engine/engine.h"
#include "server/batching/batcher.h"
#include "server/observability/counts.h"

namespace mdn {

/// What is known of a model besides its numbers.
struct ModelDescription {
  std::string name;
  int64_t version = 0;
  CheckpointFormat format = CheckpointFormat::kPyTorch;
  std::string sha256;
  /// As served: dimensions are never 0, also for TorchScript; hidden_dim is 0 there.
  ModelConfig config;
  absl::Time loaded_at;
};

/// What rows are evaluated for.
enum class RowPurpose { kPredict, kSample, kLogLikelihood };
/// Their names are those of the methods.
constexpr absl::string_view kRowPurposes[] = {"Predict", "Sample", "LogLikelihood"};

/// A model loaded and ready. Immutable but for its batcher and its counts; thread-safe. It must
/// outlive the tasks that its batcher holds.
class ServedModel {
 public:
  ServedModel(ModelDescription description, std::unique_ptr<const Engine> engine,
              Batcher::Options batching);

  const ModelDescription& description() const { return description_; }
  const Engine& engine() const { return *engine_; }
  Batcher& batcher() { return batcher_; }
  const Batcher& batcher() const { return batcher_; }

  void CountAnswered(RowPurpose purpose, int64_t rows) {
    answered_rows_.Add(static_cast<int>(purpose), rows);
  }
  int64_t answered_rows(RowPurpose purpose) const {
    return answered_rows_.Sum(static_cast<int>(purpose));
  }

 private:
  const ModelDescription description_;
  const std::unique_ptr<const Engine> engine_;
  Batcher batcher_;
  /// By RowPurpose.
  Counts answered_rows_{3};
};

}  // namespace mdn

#endif  // MDN_SERVER_REPOSITORY_SERVED_MODEL_H_

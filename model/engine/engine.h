#ifndef MDN_MODEL_ENGINE_ENGINE_H_
#define MDN_MODEL_ENGINE_ENGINE_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "model/mixture/mixture.h"

namespace mdn {

/// Evaluates one network. Immutable after construction; thread-safe.
class Engine {
 public:
  virtual ~Engine() = default;

  /// x [rows, dim_in()] in the data's units, finite, into `mixture`, which is resized; its memory
  /// is used again where it suffices. Numbers that are not finite are the caller's to find.
  /// INTERNAL: the network could not be evaluated.
  virtual absl::Status Evaluate(absl::Span<const float> x, int64_t rows,
                                Mixture& mixture) const = 0;

  /// So many rows, or a multiple, that more at once would cost hardly less each.
  virtual int64_t efficient_rows() const = 0;

  virtual int64_t dim_in() const = 0;
  virtual MixtureShape shape() const = 0;
  /// "torch", …
  virtual absl::string_view name() const = 0;
};

}  // namespace mdn

#endif  // MDN_MODEL_ENGINE_ENGINE_H_

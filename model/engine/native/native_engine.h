#ifndef MDN_MODEL_ENGINE_NATIVE_NATIVE_ENGINE_H_
#define MDN_MODEL_ENGINE_NATIVE_NATIVE_ENGINE_H_

#include <memory>

#include "absl/status/statusor.h"
#include "model/checkpoint/checkpoint.h"
#include "model/engine/engine.h"

namespace mdn {

struct NativeEngineOptions {
  /// Threads that share one batch, where it is large enough to be worth it. At least 1.
  int threads = 1;
};

/// Evaluates the standard network without LibTorch, with the vector instructions of this processor.
/// A row's numbers are the same bits alone and in any batch, at any place in it, on any number of
/// threads, and on every processor with fused multiply-add (AVX2, AVX-512, NEON). Evaluate
/// allocates no memory but where the mixture, or a thread's scratch memory, grows.
/// INVALID_ARGUMENT: a TorchScript archive, which only the torch engine can evaluate.
absl::StatusOr<std::unique_ptr<Engine>> MakeNativeEngine(const Checkpoint& checkpoint,
                                                         const NativeEngineOptions& options = {});

}  // namespace mdn

#endif  // MDN_MODEL_ENGINE_NATIVE_NATIVE_ENGINE_H_

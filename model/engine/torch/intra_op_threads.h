#ifndef MDN_MODEL_ENGINE_TORCH_INTRA_OP_THREADS_H_
#define MDN_MODEL_ENGINE_TORCH_INTRA_OP_THREADS_H_

namespace mdn {

/// How many threads one operation of LibTorch's may use, in this process. Takes effect at the first
/// call; later ones change nothing, since LibTorch is in use by then. Thread-safe.
void SetIntraOpThreads(int threads);

}  // namespace mdn

#endif  // MDN_MODEL_ENGINE_TORCH_INTRA_OP_THREADS_H_

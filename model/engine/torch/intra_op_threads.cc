#include "model/engine/torch/intra_op_threads.h"

#include <ATen/Parallel.h>
#include <dlfcn.h>

#include <mutex>

namespace mdn {

void SetIntraOpThreads(int threads) {
  static std::once_flag once;
  std::call_once(once, [threads] {
    at::set_num_threads(threads);
    // ATen's setting does not reach an OpenBLAS with threads of its own.
    using SetThreads = void (*)(int);
    if (auto set_threads =
            reinterpret_cast<SetThreads>(dlsym(RTLD_DEFAULT, "openblas_set_num_threads"))) {
      set_threads(threads);
    }
  });
}

}  // namespace mdn

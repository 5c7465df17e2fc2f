#ifndef MDN_MODEL_ENGINE_NATIVE_ALIGNED_MEMORY_H_
#define MDN_MODEL_ENGINE_NATIVE_ALIGNED_MEMORY_H_

#include <cstdint>
#include <new>

#include "hwy/aligned_allocator.h"

namespace mdn {

/// Numbers, from a line of the cache on, not initialised.
using AlignedMemory = hwy::AlignedFreeUniquePtr<float[]>;

/// Throws std::bad_alloc where there is no memory left, as new does.
inline AlignedMemory AllocateAlignedMemory(int64_t numbers) {
  AlignedMemory memory = hwy::AllocateAligned<float>(numbers);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace mdn

#endif  // MDN_MODEL_ENGINE_NATIVE_ALIGNED_MEMORY_H_

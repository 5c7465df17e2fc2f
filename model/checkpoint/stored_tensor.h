#ifndef MDN_MODEL_CHECKPOINT_STORED_TENSOR_H_
#define MDN_MODEL_CHECKPOINT_STORED_TENSOR_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "model/checkpoint/checkpoint.h"
#include "model/checkpoint/dtype.h"
#include "model/checkpoint/model_config.h"

namespace mdn {

/// A tensor as a file describes it: a view into a storage, which holds numbers of one type. Only
/// the lengths of shape and strides are known to agree; Materialise checks the rest.
struct StoredTensor {
  Dtype dtype = Dtype::kFloat32;
  std::vector<int64_t> shape;
  /// In numbers, not bytes; as many as the shape has dimensions.
  std::vector<int64_t> strides;
  /// Of the first number, in numbers.
  int64_t offset = 0;
  std::string storage_key;
  /// Numbers in the storage.
  int64_t storage_size = 0;
};

/// What a file of weights holds, whatever its format.
struct StoredTensors {
  /// By the names in the file, prefixes included.
  std::map<std::string, StoredTensor> tensors;
  /// What the file itself says of the model.
  ConfigHints metadata;
  /// The bytes of a storage, no more than the file has.
  std::function<absl::StatusOr<std::string>(const std::string& storage_key)> read_storage;
};

/// "[16, 3]".
std::string ShapeText(const std::vector<int64_t>& shape);

/// Reads the numbers in row-major order as float32. INVALID_ARGUMENT names the tensor where its
/// numbers are not floating, lie outside the storage, are more than the storage holds, or are not
/// finite in float32. Allocates at most twice the storage's bytes.
absl::StatusOr<Tensor> Materialise(const std::string& name, const StoredTensor& stored,
                                   absl::string_view storage);

}  // namespace mdn

#endif  // MDN_MODEL_CHECKPOINT_STORED_TENSOR_H_

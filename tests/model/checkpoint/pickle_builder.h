#ifndef MDN_TESTS_MODEL_CHECKPOINT_PICKLE_BUILDER_H_
#define MDN_TESTS_MODEL_CHECKPOINT_PICKLE_BUILDER_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "model/checkpoint/checkpoint.h"

namespace mdn {

/// What rebuilds a tensor in a pickle.
struct PickledTensor {
  std::string storage_class = "FloatStorage";
  std::string key = "0";
  int64_t storage_size = 0;
  int64_t offset = 0;
  std::vector<int64_t> shape;
  std::vector<int64_t> strides;
};

/// Writes pickles of protocol 2 by hand. Every call appends operations. Thread-compatible.
class PickleBuilder {
 public:
  /// Opcodes, or any bytes.
  PickleBuilder& Raw(absl::string_view bytes);
  PickleBuilder& Text(absl::string_view text);
  PickleBuilder& Integer(int64_t value);
  PickleBuilder& Integers(const std::vector<int64_t>& values);
  PickleBuilder& Global(absl::string_view module, absl::string_view name);
  /// Calls of _rebuild_tensor_v2 with a persistent id.
  PickleBuilder& Tensor(const PickledTensor& tensor);
  /// A tensor that fills its storage in row-major order.
  PickleBuilder& ContiguousTensor(const std::string& key, const std::vector<int64_t>& shape);
  /// Keys and tensors of a state dict, between "(" and "u"; storage keys are the names.
  PickleBuilder& Entries(const std::map<std::string, mdn::Tensor>& tensors,
                         const std::string& prefix = "");
  /// A whole OrderedDict.
  PickleBuilder& StateDict(const std::map<std::string, mdn::Tensor>& tensors,
                           const std::string& prefix = "");

  /// With the protocol in front and a stop behind.
  std::string Pickle() const;

 private:
  std::string operations_;
};

/// The storages of StateDict's tensors.
std::map<std::string, std::string> StoragesOf(const std::map<std::string, Tensor>& tensors);

}  // namespace mdn

#endif  // MDN_TESTS_MODEL_CHECKPOINT_PICKLE_BUILDER_H_
